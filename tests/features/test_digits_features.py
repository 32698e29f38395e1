"""The shipped digits classifier: accurate, untampered, not degenerate, and the same for every batch size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genbench.data.digits import load
from genbench.features.digits import WEIGHTS, WEIGHTS_SHA256, Digits, WeightsError, read_weights, to_grey_8x8
from genbench.features.digits_training import accuracy, augment
from genbench.images import to_unit_range
from genbench.interfaces.data import Dataset
from genbench.registry.entries import NoOptions


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(NoOptions())


@pytest.fixture(scope="module")
def extractor() -> Digits:
    return Digits()


def images_of(dataset: Dataset, split: str) -> Tensor:
    return dataset.splits[split].read(0, len(dataset.splits[split]))


def test_it_classifies_images_it_never_saw(digits: Dataset, extractor: Digits) -> None:
    assert accuracy(extractor.network, digits.splits["held_out"]) >= 0.985


def test_the_weights_are_small_and_part_of_the_fingerprint(extractor: Digits) -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
    assert extractor.fingerprint() == WEIGHTS_SHA256


def test_one_flipped_bit_in_the_weights_is_refused(tmp_path: Path) -> None:
    content = bytearray(WEIGHTS.read_bytes())
    content[-1] ^= 1
    tampered = tmp_path / "digits.safetensors"
    tampered.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"digits\.safetensors is damaged or was replaced.*expected " + WEIGHTS_SHA256
    ):
        read_weights(tampered, WEIGHTS_SHA256)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors is missing.*[Rr]einstall"):
        read_weights(tmp_path / "absent.safetensors", WEIGHTS_SHA256)


def test_every_feature_varies_and_their_covariance_has_full_rank(digits: Dataset, extractor: Digits) -> None:
    features = extractor.extract(images_of(digits, "train"))["features"].double()
    eigenvalues = torch.linalg.eigvalsh(features.T.cov())
    assert features.std(0).min() > 0.5
    assert eigenvalues[0] / eigenvalues[-1] > 1e-4


@pytest.mark.parametrize("batch_size", [1, 64])
def test_the_batch_size_changes_rounding_only(
    extracted: Callable[..., dict[str, Tensor]], digits: Dataset, extractor: Digits, batch_size: int
) -> None:
    images = images_of(digits, "held_out")
    whole, batched = extractor.extract(images), extracted(extractor, images, batch_size)
    assert {name: tuple(rows.shape) for name, rows in whole.items()} == {"features": (297, 64), "logits": (297, 10)}
    torch.testing.assert_close(batched, dict(whole), rtol=1e-4, atol=1e-4)


def test_it_is_deterministic_and_keeps_no_graph(digits: Dataset, extractor: Digits) -> None:
    images = images_of(digits, "held_out")[:50]
    first, second = extractor.extract(images), extractor.extract(images)
    assert torch.equal(first["features"], second["features"])
    assert not first["features"].requires_grad


def test_grey_8x8_images_are_left_alone(digits: Dataset) -> None:
    images = images_of(digits, "held_out")
    assert torch.equal(to_grey_8x8(images), to_unit_range(images))


def noise(*shape: int) -> Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_colour_becomes_grey_as_pillow_does() -> None:
    images = noise(1, 3, 8, 8)
    peer = np.asarray(Image.fromarray(images[0].permute(1, 2, 0).numpy()).convert("L"), dtype=np.float32)
    expected = torch.from_numpy(peer).reshape(1, 1, 8, 8) / 127.5 - 1
    # Pillow rounds to whole levels.
    torch.testing.assert_close(to_grey_8x8(images), expected, rtol=0, atol=1.01 / 255)


def test_other_sizes_are_resized_as_pillow_does() -> None:
    image = noise(1, 1, 28, 20)
    peer = Image.fromarray(image[0, 0].numpy()).convert("F").resize((8, 8), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.array(peer)).reshape(1, 1, 8, 8) / 127.5 - 1
    torch.testing.assert_close(to_grey_8x8(image), expected, rtol=0, atol=1e-4)


def test_other_numbers_of_channels_are_refused(extractor: Digits) -> None:
    with pytest.raises(ValueError, match=r"grey or RGB images, not 2 channels; try features=pixels"):
        extractor.extract(noise(1, 2, 8, 8))


def test_augmentation_moves_digits_a_little_and_keeps_them_recognisable(digits: Dataset, extractor: Digits) -> None:
    torch.manual_seed(0)
    split = digits.splits["train"]
    images, labels = to_grey_8x8(images_of(digits, "train")), split.columns["label"]
    moved = augment(images)
    assert moved.shape == images.shape
    assert 0.05 < (moved - images).abs().mean() < 0.5
    with torch.no_grad():
        _, logits = extractor.network(moved)
    assert (logits.argmax(1) == labels).double().mean() > 0.97
