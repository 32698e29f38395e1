"""The suite for generators passes a good one, and tells the author of each kind of bad one what to change."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from genbench import (
    Batch,
    DataSpec,
    DrawSpec,
    Generator,
    Guidance,
    Runner,
    Sampler,
    SampleRequest,
    Schedule,
    Stage,
    StageSpec,
    TrainingView,
    Update,
)
from genbench.drawing.noise import normal
from genbench.registry.entries import Entry
from genbench.testing import GREY, LABELLED, GeneratorConformance
from genbench.testing.subjects import changed

FLOAT32 = torch.float32


@dataclass
class Inner:
    width: int = 1


@dataclass
class Options:
    steps: int = 4
    rate: float = 0.1


class Shift(nn.Module):
    """Latents plus a learnt mean, per label if there are any."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(max(1, len(data.classes)), *data.shape) / 10)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        means = self.mean[:1] if labels is None else self.mean[labels]
        return (means + latents + self.get_buffer("seen") / 100).clamp(-1, 1)


class Good(Generator):
    """Everything that the suite asks for. The bad ones differ in one method."""

    def __init__(self, config: Options, data: DataSpec, schedule: Schedule | None) -> None:
        self.config, self.data, self.network = config, data, Shift(data)

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, sampler: Sampler, guidance: Guidance | None) -> str | None:
        if sampler.family != "one_shot":
            return "it draws in one pass: use sampler=one_shot"
        if set(data.conditions) - {"label"}:
            return "it knows labels only: use task=unconditional"
        return None

    def stages(self, train: TrainingView) -> Iterable[Stage]:
        return [GoodStage(self)]

    def state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    def prepare(self, draw: DrawSpec) -> Runner:
        return GoodRunner(copy.deepcopy(self.network).to(draw.device, draw.dtype).eval(), self.data, draw.dtype)


class GoodStage(Stage):
    def __init__(self, model: Good) -> None:
        self.network, self.rate = model.network, model.config.rate
        self.spec = StageSpec("shift", model.config.steps, 8)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"network": SGD(self.network.parameters(), self.rate, momentum=0.9)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        latents = 0.1 * torch.randn_like(batch.images)
        loss = (self.network(latents, batch.conditions.get("label")) - batch.images).square().sum((1, 2, 3)).mean()
        update(loss, "network")
        self.network.get_buffer("seen").add_(1)
        return {"loss": loss.detach()}


class GoodRunner(Runner):
    def __init__(self, network: nn.Module, data: DataSpec, dtype: torch.dtype) -> None:
        self.networks: Mapping[str, nn.Module] = {"shift": network}
        self.network, self.data, self.dtype = network, data, dtype

    def run(self, request: SampleRequest) -> Tensor:
        latents = 0.1 * normal(request.keys, 0, self.data.shape, self.dtype)
        images: Tensor = self.network(latents, request.conditions.get("label"))
        return images


def suite_of(model: type[Generator]) -> GeneratorConformance:
    class Suite(GeneratorConformance):
        name = "some"
        data = (GREY, LABELLED)

        @classmethod
        def entry(cls) -> Entry:
            return Entry("model", "some", "", model, Options, "genbench", defaults={"sampler": "one_shot"})

    return Suite()


class TestGood(GeneratorConformance):
    name = "good"

    @classmethod
    def entry(cls) -> Entry:
        return Entry("model", "good", "", Good, Options, "genbench", defaults={"sampler": "one_shot"})

    # These two ask the installed plugin, which this model is not.
    test_the_plugin_registers_without_importing_torch = None  # type: ignore[assignment]
    test_the_model_and_its_presets_compose = None  # type: ignore[assignment]


def with_run(run: Callable[[GoodRunner, SampleRequest], Tensor]) -> type[Generator]:
    class Runs(GoodRunner):
        def run(self, request: SampleRequest) -> Tensor:
            return run(self, request)

    class Bad(Good):
        def prepare(self, draw: DrawSpec) -> Runner:
            made = super().prepare(draw)
            assert isinstance(made, GoodRunner)
            return Runs(made.network, made.data, made.dtype)

    return Bad


def good_run(runner: GoodRunner, request: SampleRequest) -> Tensor:
    return GoodRunner.run(runner, request)


BUFFER = torch.empty(0)


def into_a_buffer(runner: GoodRunner, request: SampleRequest) -> Tensor:
    images = good_run(runner, request)
    if BUFFER.shape != images.shape:
        BUFFER.resize_(images.shape)
    return BUFFER.copy_(images)


@pytest.mark.parametrize(
    ("run", "test", "arguments", "advice"),
    [
        (lambda r, q: good_run(r, q)[:, :, 1:], "images_have_the_shape", (FLOAT32,), "shape"),
        (lambda r, q: good_run(r, q).double(), "images_have_the_shape", (FLOAT32,), "DrawSpec.dtype"),
        (lambda r, q: good_run(r, q) / 0, "images_have_the_shape", (FLOAT32,), "NaN"),
        (lambda r, q: good_run(r, q) * 255, "images_have_the_shape", (FLOAT32,), "clamp"),
        (lambda r, q: good_run(r, q) + 1e-3 * torch.rand(1), "equal_keys_give_equal", (), "from request.keys"),
        (into_a_buffer, "equal_keys_give_equal", (), "overwrites"),
        (lambda r, q: torch.zeros_like(good_run(r, q)), "equal_keys_give_equal", (), "all keys give the same image"),
        (lambda r, q: good_run(r, q) - good_run(r, q).mean(0), "an_image_is_independent", (FLOAT32,), "across the"),
        (lambda r, q: good_run(r, q).flip(0), "an_image_is_independent", (torch.float64,), "keyed per image"),
        (lambda r, q: r.network.forward(normal(q.keys, 0, (1, 8, 8)), None), "networks_are_what", (), "never calls"),
        (lambda r, q: GoodRunner.run(r, SampleRequest(q.keys)), "labels_matter", None, "other labels give"),
    ],
)
def test_drawing_wrongly_is_found(
    run: Callable[[GoodRunner, SampleRequest], Tensor], test: str, arguments: tuple[Any, ...] | None, advice: str
) -> None:
    suite = suite_of(with_run(run))
    with pytest.raises(AssertionError, match=advice):
        call(suite, test, *(("cpu",) if arguments is None else (GREY, "cpu", *arguments)))


def call(suite: GeneratorConformance, test: str, *arguments: object) -> None:
    """Call the one test whose name begins so."""
    (name,) = [name for name in dir(suite) if name.startswith(f"test_{test}")]
    getattr(suite, name)(*arguments)


class ForgetsABuffer(Good):
    def state(self) -> dict[str, Tensor]:
        return {"mean": self.network.mean.detach()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state, strict=False)


class SharesMemory(Good):
    def state(self) -> dict[str, Tensor]:
        return {"a": self.network.mean.detach(), "b": self.network.mean.detach()}


@pytest.mark.parametrize(
    ("model", "advice"), [(ForgetsABuffer, "leaves out"), (SharesMemory, "share memory: clone all but one")]
)
def test_incomplete_state_is_found(model: type[Generator], advice: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception), match=advice):
        call(suite_of(model), "state_goes_to_disk", GREY, "cpu", tmp_path)


class ConvertsItself(Good):
    def prepare(self, draw: DrawSpec) -> Runner:
        return GoodRunner(self.network.to(draw.dtype), self.data, draw.dtype)


class LearnsWhileDrawing(Good):
    def prepare(self, draw: DrawSpec) -> Runner:
        with torch.no_grad():
            self.network.mean.add_(0.1)
        return super().prepare(draw)


@pytest.mark.parametrize(
    ("model", "advice"), [(ConvertsItself, "must convert a copy"), (LearnsWhileDrawing, "drawing changed 'mean'")]
)
def test_preparing_in_place_is_found(model: type[Generator], advice: str) -> None:
    with pytest.raises(AssertionError, match=advice):
        call(suite_of(model), "preparing_and_drawing", GREY, "cpu")


class Undecided(Good):
    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, sampler: Sampler, guidance: Guidance | None) -> str | None:
        return "no" if data.conditions else None


def test_refusals_without_a_reason_are_found() -> None:
    with pytest.raises(AssertionError, match=r"unsupported\(\) accepts sampler=ancestral"):
        call(suite_of(Undecided), "it_refuses_samplers")
    with pytest.raises(AssertionError, match="with 'no': say why"):
        call(suite_of(Undecided), "it_refuses_conditions")


class HiddenMomentum(Good):
    """Keeps something between steps that no checkpoint holds."""

    def stages(self, train: TrainingView) -> Iterable[Stage]:
        class Hidden(GoodStage):
            last: Tensor | None = None

            def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
                images = batch.images if self.last is None else (batch.images + self.last) / 2
                self.last = batch.images
                return super().step(Batch(images, batch.indices, batch.conditions, batch.step, batch.progress), update)

        return [Hidden(self)]


def test_state_hidden_from_checkpoints_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"modules\(\) or optimizers\(\)"):
        call(suite_of(HiddenMomentum), "interrupted_training", "cpu", tmp_path)


def test_a_model_that_is_not_installed_is_said_to_be_so() -> None:
    class Missing(GeneratorConformance):
        name = "nothing_of_this_name"

    with pytest.raises(pytest.fail.Exception, match="is yours installed"):
        Missing.entry()


def test_options_inside_options_can_be_set() -> None:
    @dataclass(frozen=True)
    class Outer:
        inner: Inner
        depth: int = 2

    assert changed(Outer(Inner()), {"inner": {"width": 5}}) == Outer(Inner(5))
    with pytest.raises(ValueError, match=r"no option 'inner\.wdth' to set; there are width"):
        changed(Outer(Inner()), {"inner": {"wdth": 5}})
