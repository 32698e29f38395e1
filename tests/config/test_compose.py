"""From what a person types to a Plan: groups, defaults that models bring, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.mirror import mirror, option_class
from genbench.diffusion.grids import UniformTime
from genbench.diffusion.samplers import DDIM, Heun
from genbench.diffusion.schedules import EDM, Cosine
from genbench.discovery.plugins import load_plugins
from genbench.drawing.one_shot import OneShot
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS
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


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """The built-in entries, and two models with made-up names."""
    registry = load_plugins().registry
    mark = registry.mark()
    registry.model(
        "some_diffusion",
        "x:Y",
        SomeOptions,
        summary="",
        sampler="heun",
        uses=("schedule", "grid", "guidance"),
        defaults={"schedule": "edm"},
    )
    registry.model("some_gan", "x:Y", SomeOptions, summary="", sampler="one_shot")
    mirror(registry)
    yield registry
    registry.rollback(mark)


@pytest.fixture
def composed(registry: Registry) -> Iterator[Callable[..., DictConfig]]:
    GlobalHydra.instance().clear()
    with initialize_config_module("genbench.conf", version_base="1.3"):
        yield lambda *overrides: compose("config", list(overrides))


@pytest.fixture
def plan(composed: Callable[..., DictConfig], registry: Registry) -> Callable[..., Plan]:
    return lambda *overrides: plan_from_config(composed(*overrides), registry)


def test_a_model_brings_its_sampler_and_schedule(plan: Callable[..., Plan]) -> None:
    found = plan("model=some_diffusion")
    assert (found.sampler, found.schedule, found.grid) == (Heun(steps=18), EDM(), UniformTime())
    assert found.model.options == SomeOptions()
    assert isinstance(found.task, Unconditional)


def test_what_is_named_wins_over_what_the_model_brings(plan: Callable[..., Plan]) -> None:
    found = plan("model=some_diffusion", "sampler=ddim", "sampler.eta=0.5", "schedule=cosine", "sampler.steps=7")
    assert (found.sampler, found.schedule) == (DDIM(steps=7, eta=0.5), Cosine())


def test_groups_that_a_model_does_not_use_are_none(plan: Callable[..., Plan]) -> None:
    found = plan("model=some_gan", "schedule=edm")
    assert found.sampler == OneShot()
    assert found.schedule is found.grid is found.guidance is None


def test_a_root_steps_serves_samplers_that_have_steps_and_no_others(plan: Callable[..., Plan]) -> None:
    assert plan("model=some_diffusion", "steps=5").sampler == Heun(steps=5)
    assert plan("model=some_gan", "steps=5").sampler == OneShot()


def test_seeds_default_to_the_root_seed(plan: Callable[..., Plan]) -> None:
    found = plan("model=some_gan", "seed=3", "sampling.seed=4")
    assert (found.seed, found.training.seed, found.sampling.seed) == (3, 3, 4)


def test_one_or_several_features_and_metrics(plan: Callable[..., Plan]) -> None:
    assert list(plan("model=some_gan").features) == ["digits", "pixels"]
    assert list(plan("model=some_gan", "features=pixels").features) == ["pixels"]
    found = plan("model=some_gan", "metrics=[kid,prdc]", "metrics.prdc.k=3")
    assert list(found.metrics) == ["kid", "prdc"]
    assert found.metrics["prdc"].options.k == 3


def test_options_become_their_types(plan: Callable[..., Plan]) -> None:
    assert plan("model=some_gan", "model.colour=BLUE").model.options == SomeOptions(colour=Colour.BLUE)


def test_tasks_experiments_and_the_quick_budget(plan: Callable[..., Plan]) -> None:
    assert isinstance(plan("model=some_gan", "experiment=class_conditional").task, ClassConditional)
    quick = plan("model=some_diffusion", "debug=quick")
    assert quick.quick
    assert quick.sampler == Heun(steps=4)
    assert quick.training.steps == 20


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=some_gan", "model.widht=3"], "Key 'widht' not in 'SomeOptions'"),
        (["model=some_gan", "model.width=abc"], "could not be converted to Integer"),
        (["model=some_gam"], "Could not find 'model/some_gam'"),
        (["model=some_gan", "metrics=[kidd]"], "Could not load 'metrics/kidd'"),
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
        ("training.steps=-4", "training.steps=-4: expected a number above 0"),
        ("sampler.steps=0", "sampler=heun: .*steps"),
        ("features=[]", "features is empty"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(plan: Callable[..., Plan], override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan("model=some_diffusion", override)


def test_a_budget_is_in_steps_or_in_images(plan: Callable[..., Plan]) -> None:
    with pytest.raises(ConfigError, match="one or the other"):
        plan("model=some_gan", "training.steps=3", "training.images=3")


def test_every_entry_composes_under_its_class_name(registry: Registry) -> None:
    assert {entry.kind for entry in registry} == set(KINDS)
    for entry in registry:
        assert option_class(entry).__name__ == entry.options.__name__


def test_an_option_without_a_default_is_the_plugins_mistake() -> None:
    @dataclass
    class Bare:
        width: int

    entry = Entry("model", "bare", "", "x:Y", Bare, "p")
    with pytest.raises(TypeError, match="option 'width' has no default"):
        option_class(entry)
