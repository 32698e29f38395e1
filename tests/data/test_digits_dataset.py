"""The digits dataset: its facts, its splits and its fingerprint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genbench.data.digits import load, split_indices
from genbench.interfaces import Dataset
from genbench.registry import NoOptions


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(NoOptions())


def test_the_splits_have_the_promised_sizes_and_types(digits: Dataset) -> None:
    assert {name: tuple(split.images.shape) for name, split in digits.splits.items()} == {
        "train": (1500, 1, 8, 8),
        "held_out": (297, 1, 8, 8),
    }
    for split in digits.splits.values():
        assert split.labels is not None
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64


def test_the_spec_describes_the_images(digits: Dataset) -> None:
    assert digits.spec.shape == (1, 8, 8)
    assert digits.spec.classes == tuple("0123456789")
    assert digits.spec.levels == 17


def test_levels_are_stored_as_the_spec_says(digits: Dataset) -> None:
    everything = torch.cat([split.images for split in digits.splits.values()])
    assert sorted(set(everything.flatten().tolist())) == [round(255 * k / 16) for k in range(17)]


def test_the_splits_are_disjoint_and_complete() -> None:
    targets = load_digits().target
    train, held_out = split_indices(targets, 297)
    assert sorted([*train, *held_out]) == list(range(1797))


def test_the_splits_hold_scikit_learns_images_with_their_labels(digits: Dataset) -> None:
    source = load_digits()
    order = np.concatenate(split_indices(source.target, 297))
    images = torch.cat([split.images for split in digits.splits.values()])
    levels = (images.double() * 16 / 255).round().reshape(1797, 64)
    labels = torch.cat([split.labels for split in digits.splits.values() if split.labels is not None])
    assert np.array_equal(levels.numpy(), source.data[order])
    assert np.array_equal(labels.numpy(), source.target[order])


def test_every_class_gives_its_share_to_within_one_image(digits: Dataset) -> None:
    share = np.bincount(load_digits().target) * 297 / 1797
    labels = digits.splits["held_out"].labels
    assert labels is not None
    assert np.abs(labels.bincount().numpy() - share).max() < 1


def test_any_prefix_is_a_mixture_of_classes(digits: Dataset) -> None:
    labels = digits.splits["train"].labels
    assert labels is not None
    assert labels[:100].bincount(minlength=10).min() > 0


def test_the_fingerprint_is_the_one_that_stored_results_carry(digits: Dataset) -> None:
    assert digits.fingerprint == "c7d7d037b8742902055d23e5610a9cc5948ac64306c916691c6617fb9fd8e2b5"
