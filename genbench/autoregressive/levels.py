"""Images as levels: the integers that an autoregressive model predicts, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.images import to_unit_range


def to_levels(images: Tensor, levels: int) -> Tensor:
    """Floats in [-1, 1] -> int64 level indices in [0, levels), the nearest ones; the shape is kept."""
    return images.add(1).mul_((levels - 1) / 2).round_().clamp_(0, levels - 1).long()


def from_levels(indices: Tensor, levels: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Level indices -> floats in [-1, 1] of exactly the bytes that `DataSpec` gives the levels; the shape is kept."""
    bytes_ = torch.arange(levels, dtype=torch.float64, device=indices.device).mul_(255 / (levels - 1)).round_()
    return to_unit_range(bytes_, dtype)[indices]
