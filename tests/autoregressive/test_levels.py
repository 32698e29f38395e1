"""Levels and images are inverse, by the formula that DataSpec documents."""

from __future__ import annotations

import pytest
import torch

from genbench.autoregressive.levels import from_levels, to_levels
from genbench.images import to_bytes, to_unit_range


@pytest.mark.parametrize("levels", [2, 3, 16, 17, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_are_the_bytes_of_the_data_spec(levels: int, dtype: torch.dtype) -> None:
    indices = torch.arange(levels)
    images = from_levels(indices, levels, dtype)
    assert images.dtype == dtype
    assert to_bytes(images).tolist() == [round(255 * k / (levels - 1)) for k in range(levels)]
    assert torch.equal(to_levels(images, levels), indices)


def test_every_byte_goes_to_the_nearest_level() -> None:
    images = to_unit_range(torch.arange(256, dtype=torch.uint8), torch.float64)
    nearest = [min(range(17), key=lambda k: abs(255 * k / 16 - byte)) for byte in range(256)]
    assert to_levels(images, 17).tolist() == nearest
