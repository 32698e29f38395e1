"""Pixel features and the batched pass that every extractor shares."""

from __future__ import annotations

import pytest
import torch

from genbench.data.digits import load
from genbench.features.pixels import Pixels
from genbench.measuring.extraction import extract
from genbench.registry.entries import NoOptions


def test_black_is_minus_one_and_white_is_one_in_channel_row_column_order() -> None:
    images = torch.tensor([[[[0, 255]], [[51, 204]]]], dtype=torch.uint8)
    features = Pixels(NoOptions()).extract(images)
    assert features.logits is None
    assert features.features.dtype == torch.float32
    torch.testing.assert_close(features.features, torch.tensor([[-1.0, 1.0, -0.6, 0.6]]))


@pytest.mark.parametrize("batch_size", [1, 7, 297, 1000])
def test_the_batch_size_changes_nothing(batch_size: int) -> None:
    images = load(NoOptions()).splits["held_out"].images
    whole = Pixels(NoOptions()).extract(images)
    assert torch.equal(extract(Pixels(NoOptions()), images, batch_size).features, whole.features)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8), torch.zeros(0, 1, 8, 8, dtype=torch.uint8)],
    ids=["floats", "three dimensions", "no images"],
)
def test_anything_but_uint8_batches_is_refused_by_name_and_shape(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"features=pixels needs .* uint8 \[N, C, H, W\]; got torch"):
        extract(Pixels(NoOptions()), images)
