"""The order in which an autoregressive model draws the values of a sample, and values that are known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

Place = tuple[int | slice, ...]
"""An index into a sample; a slice in it stands for several values."""


@dataclass(frozen=True)
class Sequence:
    """An order over the values of an integer array [*shape]: those of an image, the codes of a grid, tokens.

    Position k is `places[k]`. Where places hold slices (all channels of a pixel), the values of a position are drawn
    together. Noise is drawn for `chunk` positions at once: few launches, and never that of a whole large image in
    memory. So chunk and order decide which noise a position gets. Raises ValueError unless every value has one
    position and all positions have equally many.
    """

    shape: tuple[int, ...]
    places: tuple[Place, ...]
    chunk: int

    def __post_init__(self) -> None:
        visits = np.zeros(self.shape, dtype=np.int64)
        for place in self.places:
            visits[place] += 1
        if not (visits == 1).all():
            first = tuple(map(int, np.argwhere(visits != 1)[0]))
            raise ValueError(f"the value at {first} has {visits[first]} positions in the order and needs exactly one")
        if len(events := {visits[place].shape for place in self.places}) != 1:
            raise ValueError(f"positions hold values of the shapes {sorted(events)}: all need the same one")
        if self.chunk < 1:
            raise ValueError(f"chunk={self.chunk}: expected how many positions share one draw of noise, at least 1")

    def __len__(self) -> int:
        return len(self.places)

    @property
    def event(self) -> tuple[int, ...]:
        """The shape of the values at one position: () for a single one."""
        return np.broadcast_to(0, self.shape)[self.places[0]].shape


def raster(*shape: int) -> Sequence:
    """The last index fastest: the codes of a grid [H, W] row by row, or N tokens one by one."""
    return Sequence(shape, tuple(product(*map(range, shape))), chunk=shape[-1])


def pixels(channels: int, height: int, width: int, together: bool = False) -> Sequence:
    """An image [C, H, W] row by row, in a row pixel by pixel, in a pixel channel by channel or all `together`."""
    every: list[int | slice] = [slice(None)] if together else [*range(channels)]
    places = tuple((channel, row, column) for row in range(height) for column in range(width) for channel in every)
    return Sequence((channels, height, width), places, chunk=width * len(every))


@dataclass(frozen=True)
class Known:
    """Values that are known before a batch is drawn: int64 `values` [B, *shape], where the bool `mask` [B, *shape] is
    set.

    They are kept and condition what comes after them in the order. What comes before does not see them, so a sample is
    completed as the model's distribution has it only where the known positions come first.
    """

    values: Tensor
    mask: Tensor

    def over(self, drawn: Tensor, index: Place) -> Tensor:
        """The values at an index into the batch: the known ones, and those that were drawn elsewhere."""
        return torch.where(self.mask[index], self.values[index], drawn)
