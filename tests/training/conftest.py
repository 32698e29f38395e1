"""A small stage with everything that training must carry along, and a view of made-up images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.images import ArrayImages
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import DataSpec
from genbench.interfaces.training import Batch, Stage, StageSpec, TrainingView, Update
from genbench.training.stages import construct
from genbench.training.view import SplitView

torch.set_num_threads(1)

SPEC = DataSpec(1, 2, 2)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Options:
    """`broken` is the step (counted from 1) from which a scalar is NaN."""

    steps: int = 12
    batch_size: int = 8
    ema: float = 0.0
    broken: int = 0


class Network(nn.Module):
    """A line with dropout and running statistics, which is all that makes resuming hard."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.Linear(6, 4))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Autoencoder(Stage):
    """Reconstructs noisy images; `seen` are the indices and `noise` the first random number of each step."""

    def __init__(self, options: Options, data: DataSpec, schedule: object, before: Mapping[str, Stage]) -> None:
        self.options, self.data, self.schedule, self.before = options, data, schedule, before
        self.network = Network()
        self.seen: list[list[int]] = []
        self.noise: list[float] = []
        self.begun = 0

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        return StageSpec(Budget("steps", options.steps), options.batch_size, ema=options.ema)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def begin(self, train: TrainingView) -> None:
        self.begun += 1

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": Adam(self.network.parameters(), lr=0.02)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        x = batch.images.flatten(1)
        noise = torch.randn_like(x)
        self.seen.append(batch.indices.tolist())
        self.noise.append(float(noise.flatten()[0]))
        loss = (self.network(x + 0.1 * noise) - x).square().mean()
        norm = update(loss, "adam")
        watched = loss.detach() * float("nan") if 0 < self.options.broken <= batch.step + 1 else loss.detach()
        return {"loss": watched, "norm": norm}


@dataclass(frozen=True)
class Toys:
    """What the tests build from."""

    Stage: type[Autoencoder] = Autoencoder
    Options: type[Options] = Options
    spec: DataSpec = SPEC
    make: Callable[..., Autoencoder] = field(default=lambda **options: make(**options))
    view: Callable[[], SplitView] = field(default=lambda: view())


def make(seed: int = 0, **options: Any) -> Autoencoder:
    """A stage called "toy" as `construct` makes it."""
    from genbench.interfaces.training import StagePlan

    stage = construct(StagePlan("toy", Autoencoder), Options(**options), SPEC, None, {}, seed)
    assert isinstance(stage, Autoencoder)
    return stage


def view() -> SplitView:
    """20 images of 2 x 2 pixels."""
    pixels = torch.randint(0, 256, (20, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    return SplitView(ArrayImages("made-up", pixels.to(torch.uint8)), SPEC, CPU)


@pytest.fixture
def toys() -> Toys:
    return Toys()
