"""From one command to its jobs: axes, lists of experiment presets, groups that a model does not use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench.config.commandline import parse
from genbench.config.lists import JobWords, jobs_of, without_unused
from genbench.config.mistakes import MistakeError
from genbench.discovery.plugins import load_plugins
from genbench.registry.registrar import Registry


@dataclass
class SomeOptions:
    loss: str = "hinge"


@pytest.fixture
def registry() -> Registry:
    """One model that uses every optional group, and one that uses none."""
    registry = Registry()
    uses = ("schedule", "grid", "guidance")
    registry.model("diffusion", "x:Y", SomeOptions, summary="s", sampler="heun", uses=uses)
    registry.model("adversary", "x:Y", SomeOptions, summary="s", sampler="one_shot")
    return registry


def words(jobs: list[JobWords]) -> list[str]:
    return [" ".join(job.overrides) for job in jobs]


def test_axes_are_multiplied_out_the_first_the_slowest(registry: Registry) -> None:
    jobs = jobs_of(parse(["-m", "model=a,b", "x=1", "seed=0,1"]), registry)
    assert words(jobs) == [
        "model=a x=1 seed=0",
        "model=a x=1 seed=1",
        "model=b x=1 seed=0",
        "model=b x=1 seed=1",
    ]
    assert [dict(job.axes) for job in jobs[:2]] == [{"model": "a", "seed": "0"}, {"model": "a", "seed": "1"}]


def test_one_job_has_no_axes(registry: Registry) -> None:
    (job,) = jobs_of(parse(["model=a"]), registry)
    assert (job.overrides, dict(job.axes)) == (("model=a",), {})


def test_several_values_need_the_flag(registry: Registry) -> None:
    with pytest.raises(MistakeError, match="model=a,b: several values need -m"):
        jobs_of(parse(["model=a,b"]), registry)


@pytest.fixture
def presets(tmp_path: Path) -> Path:
    """A folder of experiments: two lists, one list, and one that only sets things."""
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "losses.yaml").write_text(
        "# @package _global_\n"
        "sweep:\n"
        "  - {model: adversary, model.loss: 'hinge,wgan,softplus'}\n"
        "  - {model: 'diffusion,pixels'}\n"
    )
    (folder / "seeds.yaml").write_text("# @package _global_\nhydra: {sweeper: {params: {seed: '0,1', x: true}}}\n")
    (folder / "sets.yaml").write_text("# @package _global_\nquick: true\n")
    return tmp_path


def test_each_list_of_a_preset_is_multiplied_out_by_itself(registry: Registry, presets: Path) -> None:
    jobs = jobs_of(parse(["-m", "experiment=losses", "seed=0,1"]), registry, [presets])
    assert words(jobs)[:3] == [
        "experiment=losses seed=0 model=adversary model.loss=hinge",
        "experiment=losses seed=0 model=adversary model.loss=wgan",
        "experiment=losses seed=0 model=adversary model.loss=softplus",
    ]
    assert len(jobs) == 2 * 3 + 2 * 2
    assert [job.of_list for job in jobs] == [0] * 6 + [1] * 4
    assert dict(jobs[0].axes) == {"seed": "0", "model.loss": "hinge"}
    assert dict(jobs[-1].axes) == {"seed": "1", "model": "pixels"}


def test_swept_experiments_are_joined(registry: Registry, presets: Path) -> None:
    jobs = jobs_of(parse(["-m", "experiment=losses,seeds", "model=adversary"]), registry, [presets])
    assert [job.of_list for job in jobs] == [0, 0, 0, 1, 2, 2]
    assert words(jobs)[-2:] == [
        "experiment=seeds model=adversary seed=0 x=true",
        "experiment=seeds model=adversary seed=1 x=true",
    ]
    assert dict(jobs[0].axes) == {"experiment": "losses", "model.loss": "hinge"}


def test_what_is_typed_wins_over_a_preset(registry: Registry, presets: Path) -> None:
    jobs = jobs_of(parse(["-m", "experiment=seeds", "seed=7"]), registry, [presets])
    assert words(jobs) == ["experiment=seeds seed=7 x=true"]


def test_a_preset_that_asks_for_several_runs_needs_the_flag(registry: Registry, presets: Path) -> None:
    with pytest.raises(MistakeError, match="experiment=seeds asks for several runs"):
        jobs_of(parse(["experiment=seeds"]), registry, [presets])
    (job,) = jobs_of(parse(["experiment=sets"]), registry, [presets])
    assert job.overrides == ("experiment=sets",)


def test_a_group_that_no_model_uses_is_left_for_the_check_of_the_plans(registry: Registry) -> None:
    jobs, lines = without_unused(jobs_of(parse(["model=adversary", "guidance.scale=2"]), registry), registry)
    assert words(jobs) == ["model=adversary guidance.scale=2"]
    assert lines == []


def test_a_group_that_only_others_use_is_left_out_with_a_line_and_equal_jobs_are_one(registry: Registry) -> None:
    command = parse(["-m", "model=diffusion,adversary", "guidance.scale=1,2", "schedule=edm"])
    jobs, lines = without_unused(jobs_of(command, registry), registry)
    assert words(jobs) == [
        "model=diffusion guidance.scale=1 schedule=edm",
        "model=diffusion guidance.scale=2 schedule=edm",
        "model=adversary",
    ]
    assert dict(jobs[-1].axes) == {"model": "adversary"}
    assert lines == [
        "guidance.scale=1 is left out for model=adversary, which uses no guidance",
        "schedule=edm is left out for model=adversary, which uses no schedule",
        "guidance.scale=2 is left out for model=adversary, which uses no guidance",
    ]


def test_a_preset_uses_what_its_model_uses() -> None:
    registry = load_plugins().registry
    command = parse(["-m", "model=gan_tiny,latent_diffusion_tiny", "guidance=classifier_free", "guidance.scale=1,2"])
    jobs, lines = without_unused(jobs_of(command, registry), registry)
    assert words(jobs) == [
        "model=gan_tiny",
        "model=latent_diffusion_tiny guidance=classifier_free guidance.scale=1",
        "model=latent_diffusion_tiny guidance=classifier_free guidance.scale=2",
    ]
    assert lines[0] == "guidance=classifier_free is left out for model=gan_tiny, which uses no guidance"


def test_nothing_is_left_out_for_a_model_that_nobody_knows(registry: Registry) -> None:
    jobs, lines = without_unused(jobs_of(parse(["model=unheard_of", "guidance=none"]), registry), registry)
    assert words(jobs) == ["model=unheard_of guidance=none"]
    assert lines == []
