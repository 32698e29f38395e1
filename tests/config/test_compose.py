"""From what a person types to a Plan: groups, defaults that models and tasks bring, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import ClassVar

import pytest
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig

from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.mirror import composing, mirror, option_class
from genbench.diffusion.grids import UniformTime
from genbench.diffusion.samplers import DDIM, Heun
from genbench.diffusion.schedules import EDM, Cosine
from genbench.discovery import builtin
from genbench.discovery.plugins import load_plugins
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.budget import Budget
from genbench.registry.registrar import Registry
from genbench.running.plan import Plan
from genbench.running.tasks import ClassConditional, Unconditional


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class SomeOptions:
    width: int = 3
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Judged(Unconditional):
    """A task that brings a metric."""

    defaults: ClassVar[Mapping[str, str]] = MappingProxyType({"metrics": "prdc"})
    strict: bool = False


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """The built-in entries, and two models and a task with made-up names."""
    registry = Registry()
    builtin.genbench_register(registry)
    registrar = registry.registrar("made-up")
    uses = ("schedule", "grid", "guidance")
    registrar.model(
        "some_diffusion", "x:Y", SomeOptions, summary="s", sampler="heun", uses=uses, defaults={"schedule": "edm"}
    )
    registrar.model("some_gan", "x:Y", SomeOptions, summary="s", sampler="one_shot")
    registrar.value("task", "judged", Judged, summary="s")
    registry.add(registrar)
    mirror(registry)
    yield registry
    mirror(load_plugins().registry)


@pytest.fixture
def composed(registry: Registry) -> Iterator[Callable[..., DictConfig]]:
    with composing():
        yield lambda *overrides: compose("config", list(overrides))


@pytest.fixture
def plan(composed: Callable[..., DictConfig], registry: Registry) -> Callable[..., Plan]:
    return lambda *overrides: plan_from_config(composed(*overrides), registry)


def test_a_model_brings_its_sampler_and_schedule(plan: Callable[..., Plan]) -> None:
    asked = plan("model=some_diffusion")
    assert (asked.sampler_value, asked.schedule_value, asked.grid_value) == (Heun(steps=18), EDM(), UniformTime())
    assert (asked.model.name, asked.model.options) == ("some_diffusion", SomeOptions())
    assert isinstance(asked.task_value, Unconditional)
    assert list(asked.values) == ["sampler", "schedule", "grid", "guidance"]


def test_what_is_named_wins_over_what_the_model_brings(plan: Callable[..., Plan]) -> None:
    asked = plan("model=some_diffusion", "sampler=ddim", "sampler.eta=0.5", "schedule=cosine", "sampler.steps=7")
    assert (asked.sampler_value, asked.schedule_value) == (DDIM(steps=7, eta=0.5), Cosine())


def test_groups_that_a_model_does_not_use_are_none(plan: Callable[..., Plan]) -> None:
    asked = plan("model=some_gan", "schedule=edm")
    assert asked.sampler_value == OneShot()
    assert asked.schedule is asked.grid is asked.guidance is None
    assert list(asked.values) == ["sampler"]


def test_steps_serve_samplers_that_have_steps_and_no_others(plan: Callable[..., Plan]) -> None:
    assert plan("model=some_diffusion", "sampling.steps=5").sampler_value == Heun(steps=5)
    assert plan("model=some_diffusion", "sampling.steps=5", "sampler.steps=6").sampler_value == Heun(steps=6)
    assert plan("model=some_gan", "sampling.steps=5").sampler_value == OneShot()


def test_seeds_default_to_the_root_seed(plan: Callable[..., Plan]) -> None:
    for words, expected in {(): (3, 3), ("sampling.seed=4",): (3, 4), ("training.seed=5",): (5, 3)}.items():
        asked = plan("model=some_gan", "seed=3", *words)
        assert (asked.training.seed, asked.sampling.seed) == expected


def test_one_or_several_features_and_metrics(plan: Callable[..., Plan]) -> None:
    assert list(plan("model=some_gan").features) == ["digits", "pixels"]
    assert list(plan("model=some_gan", "features=pixels").features) == ["pixels"]
    asked = plan("model=some_gan", "metrics=[kid,prdc]", "metrics.prdc.k=3")
    assert list(asked.metrics) == ["kid", "prdc"]
    assert asked.metrics["prdc"].options.k == 3


def test_a_task_adds_the_metric_that_it_brings(plan: Callable[..., Plan]) -> None:
    asked = plan("model=some_gan", "task=judged", "task.strict=true", "metrics=[kid]", "metrics.prdc.k=3")
    assert asked.task_value == Judged(strict=True)
    assert set(asked.metrics) == {"kid", "prdc"}
    assert asked.metrics["prdc"].options.k == 3


def test_a_task_may_bring_what_is_named_as_well(plan: Callable[..., Plan]) -> None:
    asked = plan("model=some_gan", "task=judged", "metrics=[prdc,kid]", "metrics.prdc.k=4")
    assert set(asked.metrics) == {"kid", "prdc"}
    assert asked.metrics["prdc"].options.k == 4
    assert set(plan("model=some_gan", "task=judged").metrics) == set(plan("model=some_gan").metrics)


def test_options_become_their_types(plan: Callable[..., Plan]) -> None:
    assert plan("model=some_gan", "model.colour=BLUE").model.options == SomeOptions(colour=Colour.BLUE)


def test_tasks_experiments_and_the_quick_budget(plan: Callable[..., Plan]) -> None:
    assert isinstance(plan("model=some_gan", "experiment=class_conditional").task_value, ClassConditional)
    quick = plan("model=some_diffusion", "debug=quick")
    assert quick.quick
    assert quick.sampler_value == Heun(steps=4)
    assert quick.training.budget == Budget("steps", 20)


def test_a_budget_is_that_of_the_preset_or_of_the_command(plan: Callable[..., Plan]) -> None:
    assert plan("model=some_gan").training.budget is None
    assert plan("model=some_gan", "training.budget=images:64").training.budget == Budget("images", 64)
    with pytest.raises(ConfigError, match=r"training\.budget=3: a budget is steps:N or images:N"):
        plan("model=some_gan", "training.budget=3")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=some_gan", "model.widht=3"], "Key 'widht' not in 'SomeOptions'"),
        (["model=some_gan", "model.width=abc"], "could not be converted to Integer"),
        (["model=some_gam"], "Could not find 'model/some_gam'"),
        (["model=some_gan", "metrics=[kidd]"], "'metrics/kidd'"),
    ],
)
def test_mistyped_names_and_values_are_refused(
    composed: Callable[..., DictConfig], overrides: list[str], words: str
) -> None:
    with pytest.raises(HydraException) as refused:
        composed(*overrides)
    assert words in f"{refused.value} {refused.value.__cause__}"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sampling.num_samples=0", "sampling.num_samples=0: expected a number above 0"),
        ("sampling.num_samples=1", "at least 2 images"),
        ("training.budget=steps:0", "training.budget=steps:0: a budget is steps:N or images:N with N at least 1"),
        ("training.checkpoint_seconds=0", "training.checkpoint_seconds=0.0: expected a number above 0"),
        ("sampler.steps=0", "sampler=heun: .*steps"),
        ("features=[]", "features is empty"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(plan: Callable[..., Plan], override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan("model=some_diffusion", override)


def test_every_entry_composes_under_its_class_name(registry: Registry) -> None:
    for entry in registry:
        assert option_class(entry).__name__ == entry.options.__name__
