"""The gated PixelCNN: a vertical and a horizontal stack without a blind spot (arXiv 1606.05328, figure 2)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genbench import DataSpec
from genbench.autoregressive.layers import HorizontalConv2d, VerticalConv2d, gate, shift_down
from genbench_pixelcnn.options import PixelCNNOptions


class GatedLayer(nn.Module):
    """One layer of both stacks; the first one reads the values themselves, is strict and has no residual."""

    def __init__(self, options: PixelCNNOptions, data: DataSpec, first: bool) -> None:
        super().__init__()
        groups, width = data.channels, data.channels * options.width
        inputs = groups * options.embedding if first else width
        taps = (options.kernel + 1) // 2
        self.first, self.groups = first, groups
        self.vertical = VerticalConv2d(inputs, 2 * width, options.kernel)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = HorizontalConv2d(inputs, 2 * width, taps, groups, strict=first)
        self.dropout = nn.Dropout(options.dropout)
        self.output = HorizontalConv2d(width, width, 1, groups)
        # Where a pixel lies (the paper's s, section 2.3) and, if conditional, its image's class, for both stacks.
        self.place = nn.Parameter(torch.zeros(4 * width, data.height, data.width))
        self.label = nn.Embedding(len(data.classes), 4 * width) if "label" in data.condition_names else None

    def biases(self, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is added before the gates of the vertical and of the horizontal stack, each [1 or B, 2 n, H, W]."""
        bias = self.place[None]
        if self.label is not None:
            bias = bias + self.label(label)[:, :, None, None]
        vertical, horizontal = bias.chunk(2, dim=1)
        return vertical, horizontal

    def forward(self, above: Tensor, left: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features of the vertical and of the horizontal stack, each [B, n, H, W], to those of the next layer."""
        vertical, horizontal = self.biases(label)
        down = self.vertical(above) + vertical
        across = self.horizontal(left) + self.link(shift_down(down)) + horizontal
        output = self.output(self.dropout(gate(across, self.groups)))
        return gate(down), output if self.first else left + output


class GatedPixelCNN(nn.Module):
    """Level indices to the logits of every value given the ones before it."""

    def __init__(self, options: PixelCNNOptions, data: DataSpec) -> None:
        super().__init__()
        self.levels, self.channels = data.levels, data.channels
        self.embedding = nn.Parameter(_cosines(data.levels, options.embedding))
        self.layers = nn.ModuleList(GatedLayer(options, data, first=i == 0) for i in range(options.layers))
        width = data.channels * options.width
        self.hidden = HorizontalConv2d(width, width, 1, data.channels)
        self.logits = HorizontalConv2d(width, data.channels * data.levels, 1, data.channels)

    def gated_layers(self) -> list[GatedLayer]:
        """The layers from the values up."""
        return cast(list[GatedLayer], list(self.layers))

    def embedded(self, canvas: Tensor) -> Tensor:
        """What the first layer reads: level indices int64 [B, C, ...] -> [B, C * embedding, ...]."""
        return F.embedding(canvas, self.embedding).movedim(-1, 2).flatten(1, 2)

    def forward(self, canvas: Tensor, label: Tensor | None = None) -> Tensor:
        """int64 [B, C, H, W] and class labels int64 [B] -> logits [B, levels, C, H, W]."""
        above = left = self.embedded(canvas)
        for layer in self.layers:
            above, left = layer(above, left, label)
        logits: Tensor = self.logits(self.hidden(left.relu()).relu())
        return logits.view(len(canvas), self.channels, self.levels, *canvas.shape[2:]).transpose(1, 2)


def _cosines(levels: int, count: int) -> Tensor:
    """[levels, count]: the first cosines over the intensities, so that near ones start with near embeddings."""
    intensity = torch.linspace(0, torch.pi, levels)
    return torch.cos(intensity[:, None] * torch.arange(1, count + 1))
