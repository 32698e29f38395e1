"""Requests for images start, start + 1, …: keys from the sampling seed, conditions from the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import Dataset
from genbench.interfaces.drawing import SampleRequest
from genbench.running.tasks import Task


@dataclass(frozen=True)
class Requests:
    """Makes requests of a fixed size, already on the device: a Runner's shapes are static."""

    dataset: Dataset
    task: Task
    sampling_seed: int
    device: torch.device

    def batch(self, start: int, size: int) -> SampleRequest:
        """The request for images start, …, start + size - 1."""
        keys = image_keys(self.sampling_seed, start, size).to(self.device)
        conditions = self.task.request(self.dataset, start, size)
        return SampleRequest(keys, {name: values.to(self.device) for name, values in conditions.items()})

    def batches(self, count: int, size: int) -> Iterator[SampleRequest]:
        """Requests that cover images 0, …, count - 1; the last may go beyond and is to be cut."""
        for start in range(0, count, size):
            yield self.batch(start, size)
