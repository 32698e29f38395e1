"""The gated PixelCNN evaluated one value at a time: every layer once for every value, all else from caches."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from genbench import Column
from genbench.autoregressive.caches import PixelCache, RowCache
from genbench.autoregressive.layers import gate
from genbench.autoregressive.predictors import CategoricalPredictor, label_of
from genbench.autoregressive.sequences import pixels
from genbench_pixelcnn.network import GatedLayer, GatedPixelCNN


class IncrementalPixelCNN(CategoricalPredictor):
    """The vertical stack runs once a row, over the row above it; the horizontal stack value by value."""

    def __init__(self, network: GatedPixelCNN, batch_size: int, height: int, width: int) -> None:
        super().__init__(pixels(network.channels, height, width), network.levels)
        self.network = network
        self.layers = [_IncrementalLayer(layer, batch_size, width) for layer in network.gated_layers()]
        self.hidden = PixelCache(network.hidden, batch_size, width)
        self.scores = PixelCache(network.logits, batch_size, width)

    def begin(self, conditions: Mapping[str, Column]) -> None:
        label = label_of(conditions)
        for layer in self.layers:
            layer.begin(label)
        self.hidden.reset()
        self.scores.reset()

    def logits(self, values: Tensor, position: int) -> Tensor:
        first, *others = self.layers
        place, channel = divmod(position, self.network.channels)
        row, column = divmod(place, values.shape[-1])
        if column == channel == 0:
            above = self.network.embedded(values[:, :, row - 1 : row]) if row else None
            for layer in self.layers:
                above = layer.enter(row, above)
        else:
            pixel, group = (column, channel - 1) if channel else (column - 1, self.network.channels - 1)
            first.horizontal.write(pixel, group, self.network.embedded(values[:, group, row, pixel, None]))
        features = first.output_at(column, channel)
        for layer in others:
            layer.horizontal.write(column, channel, features)
            features = features + layer.output_at(column, channel)
        self.hidden.write(column, channel, features.relu())
        self.scores.write(column, channel, self.hidden.read(column, channel).relu_())
        return self.scores.read(column, channel)


class _IncrementalLayer:
    """The caches of one gated layer."""

    def __init__(self, layer: GatedLayer, batch_size: int, width: int) -> None:
        self.layer = layer
        self.vertical = RowCache(layer.vertical, batch_size, width)
        self.horizontal = PixelCache(layer.horizontal, batch_size, width)
        self.output = PixelCache(layer.output, batch_size, width)

    def begin(self, label: Tensor | None) -> None:
        for cache in (self.vertical, self.horizontal, self.output):
            cache.reset()
        self.biases = self.layer.biases(label)

    def enter(self, row: int, above: Tensor | None) -> Tensor | None:
        """Start a row: the row above it at the input of the vertical stack, [B, n, 1, W], to that at its output."""
        vertical, horizontal = self.biases
        if above is None:
            down = vertical.new_zeros(1, *vertical[0, :, :1].shape)
        else:
            down = self.vertical.next(above) + vertical[:, :, row - 1 : row]
        across = self.layer.link(down) + horizontal[:, :, row : row + 1] + self.layer.horizontal.bias[:, None, None]
        # One group of one pixel is then a contiguous [B, 2 n / groups].
        self.across = across[:, :, 0].unflatten(1, (self.layer.groups, -1)).permute(3, 1, 0, 2).contiguous()
        return None if above is None else gate(down)

    def output_at(self, column: int, group: int) -> Tensor:
        """What the horizontal stack adds at one group of one pixel, [B, n / groups]."""
        self.output.write(column, group, gate(self.horizontal.read(column, group, self.across[column, group])))
        return self.output.read(column, group)
