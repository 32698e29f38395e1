"""Time that passes only when told, and requests that need no dataset from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from genbench.drawing.clock import Clock
from genbench.drawing.requests import Requests
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, ConditionSpec, Dataset, DataSpec, ImageSet
from genbench.interfaces.tasks import Examples

torch.set_num_threads(1)


class ExactClock(Clock):
    """The host's time passes with `work`; what is `queued` for the device takes its time when somebody waits for it."""

    def __init__(self) -> None:
        self.now = self.pending = 0.0

    def perf_counter(self) -> float:
        return self.now

    def synchronise(self, device: torch.device) -> None:
        self.now, self.pending = self.now + self.pending, 0.0

    def work(self, seconds: float) -> None:
        self.now += seconds

    def queue(self, seconds: float) -> None:
        self.pending += seconds


class Captions:
    """Image i is asked for with the label i mod 10 and a caption; `queue` is the device's work of moving them there."""

    defaults: ClassVar[Mapping[str, str]] = {}

    def __init__(self, clock: ExactClock | None = None, seconds: float = 0.0) -> None:
        self.clock, self.seconds = clock, seconds

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        return ()

    def unsupported(self, dataset: Dataset) -> str | None:
        return None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        if self.clock is not None:
            self.clock.queue(self.seconds)
        numbers = range(start, start + len(keys))
        return {"label": torch.tensor([i % 10 for i in numbers]), "caption": [f"image {i}" for i in numbers]}

    def reference(self, dataset: Dataset) -> ImageSet:
        return dataset.splits["train"]

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        return None

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        return {}


@pytest.fixture(autouse=True)
def _own_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENBENCH_LOCKS", str(tmp_path / "locks"))


@pytest.fixture
def clock() -> ExactClock:
    return ExactClock()


@pytest.fixture
def requests(clock: ExactClock) -> Requests:
    """Of images 1 x 2 x 2; every request leaves 1,000 seconds of work on the device."""
    images = ArrayImages("train", torch.zeros(4, 1, 2, 2, dtype=torch.uint8))
    dataset = Dataset("squares", DataSpec(1, 2, 2), {"train": images}, "squares")
    return Requests(dataset, Captions(clock, 1000.0), 7, torch.device("cpu"))
