"""What draws the next value of a sequence from those before it: from categorical logits, or in any other way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genbench.autoregressive.sequences import Sequence
from genbench.drawing.noise import gumbel
from genbench.interfaces.data import Column


class Predictor(nn.Module, ABC):
    """Draws the values of one position after another; one call of its forward is one network evaluation.

    What is random about a position is handed to it as noise, which the runner has multiplied by the temperature.
    """

    def __init__(self, sequence: Sequence) -> None:
        super().__init__()
        self.sequence = sequence

    @abstractmethod
    def begin(self, conditions: Mapping[str, Column]) -> None:
        """Forget the last batch; the next one has these conditions."""

    @abstractmethod
    def noise(self, keys: Tensor, draw: int, count: int, dtype: torch.dtype) -> Tensor:
        """Fresh noise [B, count, ...] for `count` positions, from int64 keys [B] and the draw's number only. Scaled by
        a temperature it must give the values at that temperature, as Gumbel and logistic noise do.
        """

    @abstractmethod
    def forward(self, values: Tensor, position: int, noise: Tensor) -> Tensor:
        """int64 [B, *event] at one position, from the values before it in int64 [B, *shape] (later ones are undefined)
        and this position's noise [B, ...].

        Called for every position in order. Where a value is known it replaces what is returned, so read earlier
        values from `values`, never from memory.
        """


class CategoricalPredictor(Predictor):
    """Draws from the softmax of logits by the Gumbel-max trick: argmax(logits + temperature * Gumbel noise) has the
    softmax of logits / temperature as its distribution (Gumbel, 1954; Maddison et al., arXiv 1411.0030).
    """

    def __init__(self, sequence: Sequence, levels: int) -> None:
        super().__init__(sequence)
        self.levels = levels

    @abstractmethod
    def logits(self, values: Tensor, position: int) -> Tensor:
        """[B, levels, *event] at one position, from the values before it in int64 [B, *shape]."""

    def noise(self, keys: Tensor, draw: int, count: int, dtype: torch.dtype) -> Tensor:
        return gumbel(keys, draw, (count, self.levels, *self.sequence.event), dtype)

    def forward(self, values: Tensor, position: int, noise: Tensor) -> Tensor:
        return (self.logits(values, position) + noise).argmax(dim=1)


class FullPredictor(CategoricalPredictor):
    """The whole network for every single position: slow, and the yardstick of every faster way.

    `network(values, label)` gives logits [B, levels, *shape] as cross_entropy reads them; label is int64 [B] or None.
    """

    def __init__(self, network: nn.Module, sequence: Sequence, levels: int) -> None:
        super().__init__(sequence, levels)
        self.network = network
        self.label: Tensor | None = None

    def begin(self, conditions: Mapping[str, Column]) -> None:
        self.label = label_of(conditions)

    def logits(self, values: Tensor, position: int) -> Tensor:
        logits: Tensor = self.network(values, self.label)
        return logits[:, :, *self.sequence.places[position]]


def label_of(conditions: Mapping[str, Column]) -> Tensor | None:
    """The class labels among the conditions (int64 [B]), or None. Raises TypeError if they are not a tensor."""
    label = conditions.get("label")
    if label is not None and not isinstance(label, Tensor):
        raise TypeError("the condition 'label' must be a tensor of class indices")
    return label
