"""Shared by all tests: one thread, a toy model, and a plan that runs it in a second."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from genbench.discovery.plugins import load_plugins
from genbench.drawing import noise
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import DrawSpec, Generator, Runner, SampleRequest
from genbench.interfaces.sampling import Schedule
from genbench.interfaces.training import Batch, Stage, StagePlan, StageSpec, StageState, Update
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry
from genbench.running.plan import ExtractionPlan, Place, Plan, SamplingPlan, TimingPlan, TrainingPlan
from genbench.running.tasks import Unconditional

# Timings of the tests wait for each other, and for nothing else on this machine.
os.environ.setdefault("GENBENCH_LOCKS", tempfile.mkdtemp(prefix="genbench-locks-"))
# Two OpenMP threads on a busy two-core machine can be twenty times slower than one.
torch.set_num_threads(1)


@dataclass
class ToyOptions:
    """`fail` makes training end as "diverged" (its loss is NaN) or "failed" (an exception)."""

    budget: str = "steps:12"
    batch_size: int = 16
    ema: float = 0.0
    fail: str = ""


class ToyNetwork(nn.Module):
    """A mean per pixel, and a spread."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size))
        self.spread = nn.Linear(size, size, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        return self.mean + self.spread(z)


class ToyStage(Stage):
    def __init__(
        self, options: ToyOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options = options
        self.network = ToyNetwork(data.channels * data.height * data.width)

    @classmethod
    def spec(cls, options: ToyOptions) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), options.batch_size, ema=options.ema)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"network": torch.optim.Adam(self.network.parameters(), lr=0.05)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        x = batch.images.flatten(1)
        loss = (self.network(0.1 * torch.randn_like(x)) - x).square().mean()
        if self.options.fail == "diverged" and batch.step > 2:
            loss = loss * float("nan")
        if self.options.fail == "failed" and batch.step > 2:
            raise RuntimeError("the toy broke")
        update(loss, "network")
        return {"loss": loss.detach()}


class ToyRunner(Runner):
    def __init__(self, network: ToyNetwork, spec: DataSpec, draw: DrawSpec) -> None:
        self.networks, self.spec, self.dtype = {"network": network.to(draw.dtype)}, spec, draw.dtype

    def run(self, request: SampleRequest) -> Tensor:
        size = self.spec.shape
        z = noise.normal(request.keys, 0, (size[0] * size[1] * size[2],), self.dtype)
        drawn: Tensor = self.networks["network"](0.1 * z)
        return drawn.reshape(-1, *size).clamp(-1, 1)


class Toy(Generator):
    def __init__(self, config: ToyOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.config, self.data = config, data
        self.network = ToyNetwork(data.channels * data.height * data.width)

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        return None if draw.sampler.family == "one_shot" else "toy draws with sampler=one_shot only"

    @classmethod
    def plan(cls, config: Any, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan("toy", ToyStage),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(state["toy"]["network"])

    def prepare(self, draw: DrawSpec) -> Runner:
        return ToyRunner(self.network.to(draw.device), self.data, draw)


@pytest.fixture
def toy() -> type[Generator]:
    return Toy


def value(kind: str, name: str, content: Any) -> Choice:
    """A value as a plan holds it."""
    return Choice(Entry(kind, name, "a value", type(content), type(content), "genbench"), content)


@pytest.fixture
def toy_plan(tmp_path: Path) -> Plan:
    """The toy on digits: 300 images, pixel features, one metric."""
    registry = load_plugins().registry

    def choice(kind: str, name: str) -> Choice:
        entry = registry.get(kind, name)
        return Choice(entry, entry.options())

    return Plan(
        model=Choice(Entry("model", "toy", "a toy", Toy, ToyOptions, "genbench"), ToyOptions()),
        dataset=choice("dataset", "digits"),
        task=value("task", "unconditional", Unconditional()),
        sampler=value("sampler", "one_shot", OneShot()),
        schedule=None,
        grid=None,
        guidance=None,
        features={"pixels": choice("features", "pixels")},
        metrics={"frechet_distance": choice("metrics", "frechet_distance")},
        tracking=choice("tracking", "none"),
        training=TrainingPlan(0, None, "32-true", 60.0),
        sampling=SamplingPlan(0, 300, 100, "float32"),
        timing=TimingPlan(3, 0.2),
        extraction=ExtractionPlan("cpu", 64),
        device="cpu",
        threads=1,
        results=tmp_path / "results",
        quick=True,
        objective="",
        place=Place("", ""),
        config={"sampler": {"name": "one_shot", "truncation": 0.0}},
    )
