"""Masked convolutions of the vertical and horizontal stacks, whose features come in one group per colour channel.

Values are ordered row by row, in a row pixel by pixel, in a pixel colour by colour. Features at a pixel are laid out
group after group, and group g may depend on the values of earlier pixels and on colours up to g of its own pixel.
Source: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders" (arXiv 1606.05328), section 2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gate(features: Tensor, groups: int = 1) -> Tensor:
    """tanh(a) * sigmoid(b) (paper, eq. 2): [B, groups * 2 * n, ...] -> [B, groups * n, ...], a before b in a group."""
    a, b = features.view(len(features), groups, 2, -1, *features.shape[2:]).unbind(2)
    return (a.tanh() * b.sigmoid()).flatten(1, 2)


def shift_down(features: Tensor) -> Tensor:
    """Row i of [B, C, H, W] becomes row i + 1; the first row is zero."""
    return F.pad(features, (0, 0, 1, -1))


class VerticalConv2d(nn.Conv2d):
    """[B, in, H, W] -> [B, out, H, W]; row i sees rows i - (kernel + 1) // 2 + 1, ..., i, `kernel` columns wide."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and positive, not {kernel}")
        super().__init__(in_channels, out_channels, ((kernel + 1) // 2, kernel))

    def forward(self, features: Tensor) -> Tensor:
        rows, columns = self.kernel_size
        return super().forward(F.pad(features, (columns // 2, columns // 2, rows - 1, 0)))


class HorizontalConv2d(nn.Conv2d):
    """[B, in, H, W] -> [B, out, H, W]; a pixel sees the `taps` - 1 pixels to its left, and in itself the groups up to
    the output's own ("mask B"), or those before it if `strict` ("mask A", for layers that read the values themselves).
    """

    mask: Tensor
    bias: Tensor

    def __init__(self, in_channels: int, out_channels: int, taps: int, groups: int = 1, strict: bool = False) -> None:
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{in_channels} and {out_channels} channels cannot be divided into {groups} groups")
        super().__init__(in_channels, out_channels, (1, taps))
        self.feature_groups, self.strict = groups, strict
        source = torch.arange(in_channels) // (in_channels // groups)
        target = torch.arange(out_channels)[:, None] // (out_channels // groups)
        mask = torch.ones(out_channels, in_channels, 1, taps)
        mask[:, :, 0, -1] = (source < target if strict else source <= target).float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        padded = F.pad(features, (self.kernel_size[1] - 1, 0, 0, 0))
        return F.conv2d(padded, self.weight * self.mask, self.bias)
