"""Hydra's launchers: jobs are composed once more where they run, into the plan that was checked.

tests/integration/test_launched.py starts processes; here a launcher of Hydra's runs the jobs in this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cloudpickle
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton

from genbench.config import launchers
from genbench.config.commandline import parse
from genbench.config.entry import prepare
from genbench.config.launchers import HydraLauncher
from genbench.config.mistakes import MistakeError
from genbench.running.plan import Plan

WORDS = ("model=gan_tiny,pixelcnn", "seed=3,4", "features=[pixels]", "metrics.prdc.k=3", "training.budget=steps:7")


def plans_of(*words: str, command: str = "") -> tuple[Plan, ...]:
    return prepare(parse(["-m", *words]), "a-sweep", command).plans


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans of the jobs that were run."""
    plans: list[Plan] = []
    monkeypatch.setattr(launchers, "run_job", lambda plan, live: plans.append(plan))
    return plans


def test_every_job_arrives_with_the_plan_that_was_checked(arrived: list[Plan], tmp_path: Path) -> None:
    plans = plans_of(*WORDS, f"results={tmp_path}", command="genbench run -m 'odd \\' ${seed}, {words}' \"x\"")
    assert len(plans) == 4
    HydraLauncher(["hydra/launcher=basic"], plans[0])(plans)
    assert arrived == list(plans)


def test_what_the_store_answers_starts_no_other_process(
    arrived: list[Plan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plans = plans_of("model=gan", "seed=0,1,2", f"results={tmp_path}")
    monkeypatch.setattr(launchers, "is_answered", lambda plan: plan.training.seed == 1)
    launched: list[int] = []
    monkeypatch.setattr(HydraLauncher, "_launch", lambda self, some: launched.extend(p.training.seed for p in some))
    HydraLauncher(["hydra/launcher=basic"], plans[0])(plans)
    assert launched == [0, 2]
    assert arrived == [plans[1]]


def test_places_on_axes_with_any_value_arrive(arrived: list[Plan], tmp_path: Path) -> None:
    axes: Mapping[str, str] = {"metrics": "[kid,prdc]", "model.x": "a=b", "results": "'it''s ${seed}'"}
    (plan,) = plans_of("model=gan", f"results={tmp_path}")
    plan = replace(plan, place=replace(plan.place, number=7, jobs=9, of_list=2, axes=axes))
    HydraLauncher(["hydra/launcher=basic"], plan)([plan])
    assert arrived == [plan]


def test_configs_of_a_folder_arrive(arrived: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own/experiment").mkdir(parents=True)
    (tmp_path / "own/experiment/few.yaml").write_text("# @package _global_\nsampling: {num_samples: 12}\n")
    monkeypatch.chdir(tmp_path)
    plans = plans_of("--config-dir", "own", "model=gan", "experiment=few", "seed=0,1", f"results={tmp_path}")
    assert [plan.sampling.num_samples for plan in plans] == [12, 12]
    HydraLauncher(["hydra/launcher=basic"], plans[0])(plans)
    assert arrived == list(plans)


def test_what_launchers_write_lies_in_the_folder_of_the_sweep(arrived: list[Plan], tmp_path: Path) -> None:
    (plan,) = plans_of("model=gan", f"results={tmp_path / 'my results'}")
    launcher = HydraLauncher(["hydra/launcher=basic", "hydra.sweep.dir=elsewhere"], plan)
    assert launcher.config.hydra.sweep.dir == str(tmp_path / "my results/sweeps/a-sweep")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("hydra/launcher=nobody", "unknown hydra/launcher 'nobody'. Valid: basic"),
        ("hydra.launcher.jobs=2", "hydra.launcher.jobs: "),
    ],
)
def test_a_launcher_or_option_that_is_not_there_is_a_mistake(override: str, words: str) -> None:
    with pytest.raises(MistakeError) as mistake:
        HydraLauncher(["hydra/launcher=basic", override], *plans_of("model=gan"))
    assert str(mistake.value).startswith(words)


def test_the_store_travels_as_the_way_to_make_it() -> None:
    """No class of a plugin is in it: a process that was just started could not import those of loose plugins."""
    repository = ConfigStore.instance().repo
    with launchers._mirrored_where_it_arrives():
        content = cloudpickle.dumps(Singleton.get_state())
    assert ConfigStore.instance().repo is repository
    assert b"GANOptions" not in content
    before = {group: set(names) for group, names in repository.items() if isinstance(names, dict)}
    arrived = cloudpickle.loads(content)["instances"][ConfigStore].repo
    assert {group: set(names) for group, names in arrived.items() if isinstance(names, dict)} == before
