"""Pixel features: their order and range, resizing as Pillow does it, and the same for every batch size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.data.digits import load
from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.registry.entries import NoOptions


def test_black_is_minus_one_and_white_is_one_in_channel_row_column_order() -> None:
    images = torch.tensor([[[[0, 255]], [[51, 204]]]], dtype=torch.uint8)
    outputs = Pixels().extract(images)
    assert list(outputs) == ["features"]
    assert outputs["features"].dtype == torch.float32
    torch.testing.assert_close(outputs["features"], torch.tensor([[-1.0, 1.0, -0.6, 0.6]]))


@pytest.mark.parametrize("batch_size", [1, 7, 297, 1000])
@pytest.mark.parametrize("size", [0, 5])
def test_the_batch_size_changes_nothing(extracted: Callable[..., dict[str, torch.Tensor]], batch_size: int, size: int):
    split = load(NoOptions()).splits["held_out"]
    images, extractor = split.read(0, len(split)), Pixels(PixelsOptions(size))
    whole = extractor.extract(images)["features"]
    assert torch.equal(extracted(extractor, images, batch_size)["features"], whole)


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(20, 28), (6, 9), (8, 8)], ids=["smaller", "larger", "as it is"])
def test_images_are_resized_as_pillow_does(shape: tuple[int, int]) -> None:
    images = noise(2, 3, *shape)
    features = Pixels(PixelsOptions(8)).extract(images)["features"].reshape(2, 3, 8, 8)
    for image, resized in zip(images.flatten(0, 1), features.flatten(0, 1), strict=True):
        peer = Image.fromarray(image.numpy()).convert("F").resize((8, 8), Image.Resampling.BILINEAR)
        torch.testing.assert_close(resized, torch.from_numpy(np.array(peer)) / 127.5 - 1, rtol=0, atol=1e-4)


def test_a_size_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, or 0 to leave images as they are, not -1"):
        PixelsOptions(-1)
