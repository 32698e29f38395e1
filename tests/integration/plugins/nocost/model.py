"""One linear map: its training regresses images on themselves, its images are keyed noise through it."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from genbench import (
    Batch,
    Budget,
    DataSpec,
    DrawSpec,
    Generator,
    Runner,
    SampleRequest,
    Schedule,
    Stage,
    StagePlan,
    StageSpec,
    StageState,
    Update,
)
from genbench.drawing.noise import normal
from nocost import NoCostOptions, Wrong
from nocost.moments import passed, rank


class NoCostStage(Stage):
    """Linear regression without random numbers."""

    def __init__(
        self, options: NoCostOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options, size = options, math.prod(data.shape)
        self.network = nn.Linear(size, size)

    @classmethod
    def spec(cls, options: NoCostOptions) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), options.batch_size)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"sgd": SGD(self.network.parameters(), 0.05, momentum=0.5)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        x = batch.images.flatten(1)
        passed("train", len(x))
        wrong = self.options.wrong if batch.step == 2 and rank() == self.options.rank else Wrong.nothing
        if wrong is Wrong.error:
            raise RuntimeError("the model broke on purpose")
        if wrong is Wrong.memory:
            torch.empty(1 << 50)
        if wrong is Wrong.exit:
            raise SystemExit(3)
        if wrong is Wrong.killed:  # as the kernel does when memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        loss = (self.network(x) - x.flip(1)).square().mean()
        update(loss, "sgd")
        return {"loss": loss.detach() * (math.nan if wrong is Wrong.loss else 1)}


class NoCostRunner(Runner):
    """Noise through the map; only what is kept is counted, not what the clock runs."""

    def __init__(self, model: NoCost, draw: DrawSpec) -> None:
        self.model, self.draw = model, draw
        self.networks = {"network": model.network}

    def run(self, request: SampleRequest) -> Tensor:
        if self.draw.extras:
            passed("draw", len(request.keys))
        shape = self.model.data.shape
        images = self.model.network(normal(request.keys, 0, (math.prod(shape),), self.draw.dtype)).tanh()
        return images.view(-1, *shape) * (math.nan if self.model.options.wrong is Wrong.images else 1)


class NoCost(Generator):
    """The model "nocost"."""

    def __init__(self, options: NoCostOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.options, self.data, size = options, data, math.prod(data.shape)
        self.network = nn.Linear(size, size)

    @classmethod
    def unsupported(cls, options: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        return None if draw.sampler.family == "one_shot" else "nocost draws with sampler=one_shot only"

    @classmethod
    def plan(cls, options: Any, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan("regression", NoCostStage),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(state["regression"]["network"])

    def prepare(self, draw: DrawSpec) -> Runner:
        return NoCostRunner(self, draw)
