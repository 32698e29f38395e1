"""Requests for images start, start + 1, …: keys from the sampling seed, conditions from the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import Column, Dataset
from genbench.interfaces.drawing import SampleRequest
from genbench.interfaces.tasks import Task

PIECE = 1024
"""Images whose conditions are asked for at a time where many are wanted."""


@dataclass(frozen=True)
class Requests:
    """What each generated image is asked for with, made when it is needed: nothing is kept for all images."""

    dataset: Dataset
    task: Task
    sampling_seed: int
    device: torch.device

    def batch(self, start: int, size: int) -> SampleRequest:
        """The request for images start, …, start + size - 1: tensors on the device, texts on the host."""
        conditions = {
            name: column.to(self.device) if isinstance(column, Tensor) else column
            for name, column in self._conditions(start, size).items()
        }
        return SampleRequest(self.keys(start, size).to(self.device), conditions)

    def keys(self, first: int, count: int) -> Tensor:
        """int64 keys [count] of images first, …, first + count - 1, on the CPU."""
        return image_keys(self.sampling_seed, first, count)

    def columns(self, first: int, count: int) -> dict[str, Column]:
        """The conditions of images first, …, first + count - 1, on the CPU: one entry per image."""
        stop = first + count
        pieces = [self._conditions(start, min(PIECE, stop - start)) for start in range(first, stop, PIECE)]
        return {name: _joined([piece[name] for piece in pieces]) for name in (pieces[0] if pieces else ())}

    def _conditions(self, start: int, size: int) -> dict[str, Column]:
        conditions = self.task.request(self.dataset, self.keys(start, size), start)
        for name, column in conditions.items():
            if len(column) != size:
                raise ValueError(
                    f"task {type(self.task).__name__} gave {len(column)} entries of condition '{name}' for {size}"
                    f" images (number {start} and on): `request` must give one per key"
                )
        return {name: column if isinstance(column, Tensor) else tuple(column) for name, column in conditions.items()}


def _joined(pieces: Sequence[Column]) -> Column:
    tensors = [piece for piece in pieces if isinstance(piece, Tensor)]
    return torch.cat(tensors) if tensors else tuple(chain.from_iterable(pieces))
