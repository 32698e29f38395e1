"""Drawing in raster order with keyed Gumbel noise, whatever computes the logits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from genbench.autoregressive.levels import from_levels
from genbench.drawing.noise import gumbel
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import DrawSpec, Runner, SampleRequest


class Predictor(nn.Module):
    """What a RasterRunner asks for logits; one call of its forward is one network evaluation."""

    @abstractmethod
    def begin(self, conditions: Mapping[str, Tensor | Sequence[str]]) -> None:
        """Forget the last batch; the next one has these conditions."""

    @abstractmethod
    def forward(self, canvas: Tensor, row: int, column: int, channel: int) -> Tensor:
        """Logits [B, levels] of one value, from the values before it in canvas (level indices int64 [B, C, H, W]).

        Asked for in raster order: row by row, in a row pixel by pixel, in a pixel channel by channel.
        """


class FullPredictor(Predictor):
    """The whole network for every single value: slow, and the yardstick of every faster way.

    `network(canvas, label)` gives logits [B, C, levels, H, W]; label is int64 [B] or None.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.label: Tensor | None = None

    def begin(self, conditions: Mapping[str, Tensor | Sequence[str]]) -> None:
        self.label = label_of(conditions)

    def forward(self, canvas: Tensor, row: int, column: int, channel: int) -> Tensor:
        logits: Tensor = self.network(canvas, self.label)
        return logits[:, channel, :, row, column]


class RasterRunner(Runner):
    """Draws level after level by the Gumbel-max trick: argmax(logits + temperature * Gumbel noise) has the softmax of
    logits / temperature as its distribution (Gumbel, 1954; Maddison et al., arXiv 1411.0030).
    """

    def __init__(self, name: str, predictor: Predictor, data: DataSpec, draw: DrawSpec, temperature: float) -> None:
        self.networks = {name: predictor}
        self.predictor, self.data, self.temperature = predictor, data, temperature
        self.batch_size, self.dtype, self.device = draw.batch_size, draw.dtype, draw.device

    @torch.inference_mode()
    def run(self, request: SampleRequest) -> Tensor:
        if len(request.keys) != self.batch_size:
            raise ValueError(f"prepared for batches of {self.batch_size} images, asked for {len(request.keys)}")
        channels, height, width = self.data.shape
        canvas = torch.zeros(self.batch_size, *self.data.shape, dtype=torch.int64, device=self.device)
        self.predictor.begin(request.conditions)
        for row in range(height):
            # One draw a row: few launches, and never the noise of a whole large image in memory.
            noise = gumbel(request.keys, row, (width, channels, self.data.levels), self.dtype).mul_(self.temperature)
            for column in range(width):
                for channel in range(channels):
                    logits = self.predictor(canvas, row, column, channel)
                    canvas[:, channel, row, column] = (logits + noise[:, column, channel]).argmax(dim=1)
        return from_levels(canvas, self.data.levels, self.dtype)


def label_of(conditions: Mapping[str, Tensor | Sequence[str]]) -> Tensor | None:
    """The class labels among the conditions (int64 [B]), or None. Raises TypeError if they are not a tensor."""
    label = conditions.get("label")
    if label is not None and not isinstance(label, Tensor):
        raise TypeError("the condition 'label' must be a tensor of class indices")
    return label
