"""The suite for generators passes good ones, and tells the author of one that plans or learns wrongly what to do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbench import (
    ArrayImages,
    Batch,
    DataSpec,
    DrawSpec,
    Generator,
    ImageSet,
    LogProb,
    Runner,
    SampleRequest,
    Schedule,
    StagePlan,
    StageState,
    Update,
)
from genbench.drawing.noise import normal
from genbench.registry.entries import Entry, NoOptions
from genbench.testing import COLOUR, GREY, GeneratorConformance
from genbench.testing.suite import changed


class Closed(Generator):
    """Draws noise, in closed form: without stages, without networks."""

    def __init__(self, config: Any, data: DataSpec, schedule: Schedule | None) -> None:
        self.data = data

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        if draw.sampler.family != "one_shot" or getattr(draw.sampler, "truncation", 0) or data.conditions:
            return "it draws noise in one pass: use sampler=one_shot and task=unconditional"
        return None

    @classmethod
    def fingerprint(cls, options: Any) -> str | None:
        return "1"

    def log_prob(self, images: Tensor) -> LogProb:
        return LogProb(-images.flatten(1).double().sum(1), self.data.levels, exact=False)

    def extra_sets(self, held_out: ImageSet) -> Mapping[str, ImageSet]:
        return {"mirrored": ArrayImages("mirrored", held_out.read(0, len(held_out)).flip(3))}

    def prepare(self, draw: DrawSpec) -> Runner:
        return ClosedRunner(self.data, draw)


class ClosedRunner(Runner):
    def __init__(self, data: DataSpec, draw: DrawSpec) -> None:
        self.networks, self.data, self.draw = {}, data, draw

    def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
        images = normal(request.keys, 0, self.data.shape, self.draw.dtype).clamp(-1, 1)
        return {"images": images, "negative": -images} if self.draw.extras else images


class Unregistered(GeneratorConformance):
    """These two ask the installed plugin, which a model of a test has not."""

    test_the_plugin_registers_without_importing_torch = None  # type: ignore[assignment]
    test_it_and_its_presets_compose = None  # type: ignore[assignment]
    model: tuple[Any, Any]

    @classmethod
    def entry(cls) -> Entry:
        return Entry("model", cls.name, "a test's", *cls.model, "some", defaults={"sampler": "one_shot"})


class TestGood(Unregistered):
    name = "good"

    @pytest.fixture(autouse=True)
    def chosen(self, good: SimpleNamespace) -> None:
        type(self).model = good.Model, good.Options


class TestClosed(Unregistered):
    name, model, data = "closed", (Closed, NoOptions), (GREY, COLOUR)


# ----------------------------------------------------------------------------------------------------------- refusals


def test_refusals_without_a_reason_are_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class Undecided(good.Model):  # type: ignore[misc]
        @classmethod
        def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
            return "no" if data.conditions else None

    with pytest.raises(AssertionError, match=r"unsupported\(\) accepts sampler=ancestral"):
        call(Undecided, "it_refuses_samplers")
    with pytest.raises(AssertionError, match="with 'no': say why"):
        call(Undecided, "it_refuses_conditions")


def test_a_model_that_draws_nothing_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class RefusesAll(good.Model):  # type: ignore[misc]
        @classmethod
        def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
            return "nothing can be drawn with it"

    with pytest.raises(AssertionError, match="refuses all data of this suite: nothing can be drawn"):
        call(RefusesAll, "draws_with_the_sampler_it_brings")


# -------------------------------------------------------------------------------------------------- plans and training


@pytest.fixture
def planning(good: SimpleNamespace) -> Callable[..., type[Generator]]:
    """planning(plan, …): the good model with these stages."""

    def planning(*plans: StagePlan) -> type[Generator]:
        class Plans(good.Model):  # type: ignore[misc]
            @classmethod
            def plan(cls, config: Any, data: DataSpec) -> tuple[StagePlan, ...]:
                return plans

        return Plans

    return planning


def test_plans_that_cannot_be_followed_are_found(
    good: SimpleNamespace, call: Callable[..., None], planning: Callable[..., type[Generator]]
) -> None:
    stage, test = StagePlan("a", good.Stage), "stages_are_planned"
    with pytest.raises(pytest.fail.Exception, match="two stages are called 'a'"):
        call(planning(stage, stage), test, GREY)
    with pytest.raises(pytest.fail.Exception, match="stage 'a' reads the condition 'label', and the task shows none"):
        call(planning(replace(stage, conditions=("label",))), test, GREY)
    with pytest.raises(pytest.fail.Exception, match="the options of stage 'a' name what it learns"):
        call(planning(replace(stage, options=good.Options(rate=torch.ones(1)))), test, GREY)


def test_what_nothing_is_known_by_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class Listed(good.Model):  # type: ignore[misc]
        @classmethod
        def plan(cls, config: Any, data: DataSpec) -> Any:
            return [StagePlan("shift", good.Stage)]

    class Nameless(Closed):
        @classmethod
        def fingerprint(cls, options: Any) -> str | None:
            return None

    with pytest.raises(AssertionError, match="return a tuple of StagePlans"):
        call(Listed, "stages_are_planned", GREY)
    with pytest.raises(AssertionError, match=r"known by nothing but fingerprint\(options\)"):
        call(Nameless, "known_by_its_fingerprint", GREY)


def test_a_stage_with_other_randomness_is_found(
    good: SimpleNamespace, call: Callable[..., None], planning: Callable[..., type[Generator]]
) -> None:
    class Lucky(good.Stage):  # type: ignore[misc]
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            nn.init.constant_(self.network.mean, random.random())

    with pytest.raises(AssertionError, match="draw initial weights from torch's global generator"):
        call(planning(StagePlan("shift", Lucky)), "built_from_its_seed", GREY)


def test_state_hidden_from_checkpoints_is_found(
    good: SimpleNamespace, call: Callable[..., None], planning: Callable[..., type[Generator]], tmp_path: Path
) -> None:
    class Hidden(good.Stage):  # type: ignore[misc]
        last: Tensor | None = None

        def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
            images = batch.images if self.last is None else (batch.images + self.last) / 2
            self.last = batch.images
            scalars: Mapping[str, Tensor] = super().step(replace(batch, images=images), update)
            return scalars

    with pytest.raises(AssertionError, match=r"modules\(\) or optimizers\(\)"):
        call(planning(StagePlan("shift", Hidden)), "interrupted_training", "cpu", tmp_path)


def test_too_short_a_training_is_said(good: SimpleNamespace, call: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="give a budget of steps:4"):
        call(good.Model, "interrupted_training", "cpu", tmp_path, options={"budget": "steps:1"})


def test_incomplete_state_is_found(
    good: SimpleNamespace, call: Callable[..., None], planning: Callable[..., type[Generator]], tmp_path: Path
) -> None:
    class ForgetsABuffer(good.Stage):  # type: ignore[misc]
        def state(self) -> StageState:
            return {"network": {"mean": self.network.mean.detach()}}

        def load_state(self, state: StageState) -> None:
            self.network.load_state_dict(state["network"], strict=False)

    class Inverts(good.Stage):  # type: ignore[misc]
        def load_state(self, state: StageState) -> None:
            super().load_state({"network": {name: -value for name, value in state["network"].items()}})

    with pytest.raises(AssertionError, match="leaves out its 'seen'"):
        call(planning(StagePlan("shift", ForgetsABuffer)), "what_training_changed_is_kept", GREY, "cpu")
    with pytest.raises(AssertionError, match=r"must be the inverse of state\(\)"):
        call(planning(StagePlan("shift", Inverts)), "goes_to_disk", GREY, "cpu", tmp_path)


def test_a_generator_that_takes_over_nothing_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class LoadsNothing(good.Model):  # type: ignore[misc]
        def load_state(self, state: Mapping[str, StageState]) -> None: ...

    with pytest.raises(AssertionError, match="leaves out something that the stages learnt"):
        call(LoadsNothing, "takes_over_all", GREY, "cpu")


# -------------------------------------------------------------------------------------------- likelihood, further rows


class AcrossTheBatch(Closed):
    def log_prob(self, images: Tensor) -> LogProb:
        return replace(super().log_prob(images), nats=super().log_prob(images).nats - images.double().sum())


class InFloat32(Closed):
    def log_prob(self, images: Tensor) -> LogProb:
        return replace(super().log_prob(images), nats=super().log_prob(images).nats.float())


class OfDensities(Closed):
    def log_prob(self, images: Tensor) -> LogProb:
        return replace(super().log_prob(images), nats=-super().log_prob(images).nats)


@pytest.mark.parametrize(
    ("model", "advice"),
    [(AcrossTheBatch, "on its neighbours"), (InFloat32, "in float64"), (OfDensities, "discrete levels is above 0")],
)
def test_wrong_likelihoods_are_found(model: type[Generator], advice: str, call: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match=advice):
        call(model, "likelihoods", GREY, "cpu")


class BringsNoise(Closed):
    def extra_sets(self, held_out: ImageSet) -> Mapping[str, ImageSet]:
        return {"noise": held_out}


class BringsTensors(Closed):
    def extra_sets(self, held_out: ImageSet) -> Any:
        return {"mirrored": held_out.read(0, 5).flip(3)}


@pytest.mark.parametrize(
    ("model", "advice"), [(BringsNoise, "choose another name"), (BringsTensors, r"return a genbench\.ImageSet")]
)
def test_wrong_further_sets_are_found(model: type[Generator], advice: str, call: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match=advice):
        call(model, "further_sets", GREY, "cpu")


# ------------------------------------------------------------------------------------------------------------- options


@dataclass
class Inner:
    width: int = 1


@dataclass(frozen=True)
class Outer:
    inner: Inner
    depth: int = 2


def test_options_inside_options_can_be_set() -> None:
    assert changed(Outer(Inner()), {"inner": {"width": 5}}) == Outer(Inner(5))
    with pytest.raises(ValueError, match=r"no option 'inner\.wdth' to set; there are width"):
        changed(Outer(Inner()), {"inner": {"wdth": 5}})
