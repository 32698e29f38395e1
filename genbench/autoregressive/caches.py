"""Masked convolutions evaluated where the next value needs them and nowhere else, from cached activations.

Source of the idea: Ramachandran et al., "Fast Generation for Convolutional Autoregressive Models" (arXiv 1704.06001).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from genbench.autoregressive.layers import HorizontalConv2d, VerticalConv2d


class RowCache:
    """A VerticalConv2d evaluated a row at a time, from the top; keeps the last rows of its input and their borders."""

    def __init__(self, conv: VerticalConv2d, batch_size: int, width: int) -> None:
        self.conv = conv
        rows, columns = conv.kernel_size
        self.border = columns // 2
        self.rows = conv.weight.new_zeros(batch_size, conv.in_channels, rows, width + 2 * self.border)

    def reset(self) -> None:
        """Before the first row of a batch: rows above the image are zero."""
        self.rows = torch.zeros_like(self.rows)

    def next(self, row: Tensor) -> Tensor:
        """The input's next row [B, in, 1, W] -> the output's [B, out, 1, W]."""
        self.rows = torch.cat((self.rows[:, :, 1:], F.pad(row, (self.border, self.border))), dim=2)
        return F.conv2d(self.rows, self.conv.weight, self.conv.bias)


class PixelCache:
    """A HorizontalConv2d evaluated a group of a pixel at a time; keeps the current row of its input."""

    def __init__(self, conv: HorizontalConv2d, batch_size: int, width: int) -> None:
        self.inputs, self.outputs = conv.in_channels // conv.feature_groups, conv.out_channels // conv.feature_groups
        self.pixel, self.border = conv.in_channels, (conv.kernel_size[1] - 1) * conv.in_channels
        self.row = conv.weight.new_empty(batch_size, self.border + width * self.pixel)
        taps_first = conv.weight.permute(3, 1, 0, 2).reshape(-1, conv.out_channels)
        seen = [self.border + (group + (not conv.strict)) * self.inputs for group in range(conv.feature_groups)]
        self.weights = [
            taps_first[:length, group * self.outputs : (group + 1) * self.outputs].contiguous()
            for group, length in enumerate(seen)
        ]
        self.biases = conv.bias.chunk(conv.feature_groups)

    def reset(self) -> None:
        """Before the first row of a batch: NaN, so that a value read before it is written shows, and a zero border."""
        self.row.fill_(math.nan)
        self.row[:, : self.border] = 0

    def write(self, column: int, group: int, values: Tensor) -> None:
        """Input features [B, in / groups] of one group of one pixel."""
        start = self.border + column * self.pixel + group * self.inputs
        self.row[:, start : start + self.inputs] = values

    def read(self, column: int, group: int, bias: Tensor | None = None) -> Tensor:
        """The output [B, out / groups] of that group; `bias` (of that shape, or [1, ...]) replaces the layer's own."""
        start, weight = column * self.pixel, self.weights[group]
        seen = self.row[:, start : start + len(weight)]
        return torch.addmm(self.biases[group] if bias is None else bias, seen, weight)
