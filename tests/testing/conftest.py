"""A model that does all that is asked of one, and a suite for what nobody registered."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
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
from genbench.registry.entries import Entry, NoOptions
from genbench.registry.kinds import KINDS
from genbench.testing import GREY, LABELLED, GeneratorConformance


@pytest.fixture(scope="session")
def suite_for() -> Callable[..., Any]:
    """suite_for(MetricConformance, BadMetric): the suite for a class as if a plugin had registered it as "some"."""

    def suite_for(suite: type, target: Any, options_class: type | None = None, **attributes: Any) -> Any:
        if options_class is None:
            options_class = target if KINDS[suite.kind].value else NoOptions
        entry = Entry(
            suite.kind, "some", "a test's", target, options_class, "some", defaults=attributes.pop("defaults", {})
        )
        return type("Suite", (suite,), {"name": "some", "entry": classmethod(lambda cls: entry), **attributes})()

    return suite_for


@dataclass
class Options:
    budget: str = "steps:4"
    rate: float = 0.1


class Shift(nn.Module):
    """Latents plus a learnt mean, per label if there are any."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(max(1, len(data.classes)), *data.shape) / 10)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, latents: Tensor, labels: Any) -> Tensor:
        means = self.mean[:1] if labels is None else self.mean[torch.as_tensor(labels)]
        return (means + latents + self.get_buffer("seen") / 100).clamp(-1, 1)


class GoodStage(Stage):
    def __init__(
        self, options: Options, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options, self.network = options, Shift(data)

    @classmethod
    def spec(cls, options: Options) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), 8)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"network": SGD(self.network.parameters(), self.options.rate, momentum=0.9)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        latents = 0.1 * torch.randn_like(batch.images)
        loss = (self.network(latents, batch.conditions.get("label")) - batch.images).square().sum((1, 2, 3)).mean()
        update(loss, "network")
        self.network.get_buffer("seen").add_(1)
        return {"loss": loss.detach()}


class Good(Generator):
    """Everything that the suite asks for. The bad ones differ in one method."""

    def __init__(self, config: Options, data: DataSpec, schedule: Schedule | None) -> None:
        self.config, self.data, self.network = config, data, Shift(data)

    @classmethod
    def unsupported(cls, config: Options, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        if draw.sampler.family != "one_shot":
            return "it draws in one pass: use sampler=one_shot"
        if getattr(draw.sampler, "truncation", 0):
            return "it truncates nothing: set sampler.truncation=0"
        if set(data.condition_names) - {"label"}:
            return "it knows labels only: use task=unconditional"
        return None

    @classmethod
    def plan(cls, config: Options, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan("shift", GoodStage),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(state["shift"]["network"])

    def prepare(self, draw: DrawSpec) -> Runner:
        return GoodRunner(copy.deepcopy(self.network).to(draw.device, draw.dtype).eval(), self.data, draw)


class GoodRunner(Runner):
    def __init__(self, network: nn.Module, data: DataSpec, draw: DrawSpec) -> None:
        self.networks: Mapping[str, nn.Module] = {"shift": network}
        self.network, self.data, self.draw = network, data, draw

    def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
        latents = 0.1 * normal(request.keys, 0, self.data.shape, self.draw.dtype)
        images: Tensor = self.network(latents, request.conditions.get("label"))
        return images


@pytest.fixture(scope="session")
def good() -> SimpleNamespace:
    """The parts of a good model: Options, Stage, Model, Runner; and with_run(run), a model whose runner runs so."""

    def with_run(run: Callable[[GoodRunner, SampleRequest], Any]) -> type[Generator]:
        class Runs(GoodRunner):
            def run(self, request: SampleRequest) -> Any:
                return run(self, request)

        class Bad(Good):
            def prepare(self, draw: DrawSpec) -> Runner:
                return Runs(copy.deepcopy(self.network).to(draw.device, draw.dtype).eval(), self.data, draw)

        return Bad

    return SimpleNamespace(Options=Options, Stage=GoodStage, Model=Good, Runner=GoodRunner, with_run=with_run)


@pytest.fixture
def call(suite_for: Callable[..., Any]) -> Callable[..., None]:
    """call(model, test, …): the one test whose name holds `test`, of the suite for that model."""

    def call(model: type[Generator], test: str, *arguments: object, **attributes: Any) -> None:
        brought = {"sampler": "one_shot"}
        suite = suite_for(GeneratorConformance, model, Options, defaults=brought, data=(GREY, LABELLED), **attributes)
        (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
        getattr(suite, name)(*arguments)

    return call
