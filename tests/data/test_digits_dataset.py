"""The digits dataset: its facts, its splits and its fingerprint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from genbench.data import digits as source
from genbench.data.digits import load
from genbench.interfaces.data import Dataset, ImageSet
from genbench.registry.entries import NoOptions


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(NoOptions())


def images_of(split: ImageSet) -> Tensor:
    return split.read(0, len(split))


def labels_of(split: ImageSet) -> Tensor:
    labels = split.columns["label"]
    assert isinstance(labels, Tensor)
    return labels


def test_the_splits_have_the_promised_sizes_and_types(digits: Dataset) -> None:
    assert {name: (len(split), split.shape) for name, split in digits.splits.items()} == {
        "train": (1500, (1, 8, 8)),
        "held_out": (297, (1, 8, 8)),
    }
    for name, split in digits.splits.items():
        assert images_of(split).dtype == torch.uint8
        assert labels_of(split).dtype == torch.int64
        assert split.id == f"{digits.fingerprint}-{name}"


def test_the_spec_describes_the_images(digits: Dataset) -> None:
    assert digits.spec.shape == (1, 8, 8)
    assert digits.spec.classes == tuple("0123456789")
    assert digits.spec.levels == 17


def test_levels_are_stored_as_the_spec_says(digits: Dataset) -> None:
    everything = torch.cat([images_of(split) for split in digits.splits.values()])
    assert sorted(set(everything.flatten().tolist())) == [round(255 * k / 16) for k in range(17)]


def test_the_splits_hold_each_of_scikit_learns_images_once_with_its_label(digits: Dataset) -> None:
    original = load_digits()
    images = torch.cat([images_of(split) for split in digits.splits.values()])
    levels = (images.double() * 16 / 255).round().reshape(1797, 64).numpy()
    labels = torch.cat([labels_of(split) for split in digits.splits.values()]).numpy()
    ours = sorted(map(tuple, np.column_stack([levels, labels]).tolist()))
    assert ours == sorted(map(tuple, np.column_stack([original.data, original.target]).tolist()))


def test_the_held_out_classes_are_a_random_draw_not_a_stratified_one(digits: Dataset) -> None:
    """Multinomial counts scatter: an exact share of every class would bring the two splits too close."""
    share = np.bincount(load_digits().target) * 297 / 1797
    chi2 = ((labels_of(digits.splits["held_out"]).bincount().numpy() - share) ** 2 / share).sum()
    assert 1.5 < chi2 < 24  # 9 degrees of freedom: the central 99 % and more


def test_any_prefix_is_a_mixture_of_classes(digits: Dataset) -> None:
    assert labels_of(digits.splits["train"])[:100].bincount(minlength=10).min() > 0


def test_the_fingerprint_is_the_one_that_stored_results_carry(digits: Dataset) -> None:
    assert digits.fingerprint == "e56ced01fc1ea538b8f70313ed8a88487a0201e9b37d3fe706e2c608ce771ed5"


def test_scikit_learn_is_asked_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def counted(return_X_y: bool) -> object:
        asked.append(return_X_y)
        return load_digits(return_X_y=return_X_y)

    monkeypatch.setattr("sklearn.datasets.load_digits", counted)
    source._decoded.cache_clear()
    first, second = load(NoOptions()), load(NoOptions())
    assert asked == [True]
    assert first.fingerprint == second.fingerprint
