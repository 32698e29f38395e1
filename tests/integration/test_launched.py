"""Jobs in processes of Hydra's launchers: wherever they work, they report into the sweep's folder."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from genbench.store.records import Status, read_record
from genbench.store.sweeps import read_sweep

EXPERIMENTS = {
    "losses": "sweep:\n  - {model.batch_size: '4,8'}\n  - {seed: 2}\n",
    "seed": "sampling: {seed: 7}\n",
}
"""Two lists of runs, and a preset that only sets things."""


def sweep_of(results: Path) -> Any:
    """The content of the only sweep.json."""
    (path,) = results.glob("sweeps/*/sweep.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def elsewhere(genbench: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Three lists of runs, in processes that share nothing but the results folder; one job is never started."""
    folder, other = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    (folder / "mine/experiment").mkdir(parents=True)
    for name, content in EXPERIMENTS.items():
        (folder / f"mine/experiment/{name}.yaml").write_text(f"# @package _global_\n{content}")
    launcher = ("hydra/launcher=elsewhere", f"hydra.launcher.folder={other}", "hydra.launcher.loses=[2]")
    words = ("--config-dir", "mine", "experiment=losses,seed", *launcher)
    return folder, genbench(folder, "run", "-m", *words, *genbench.nocost)


def test_jobs_in_another_place_report_into_the_full_table(elsewhere: tuple[Path, Any]) -> None:
    folder, done = elsewhere
    records = [read_record(path) for path in (folder / "results").glob("*/result.json")]
    assert [record.status for record in records] == [Status.DONE] * 3, done.errors
    assert all(record.name == "nocost" for record in records)
    assert "nocost" in done.output


def test_a_job_that_never_reported_is_named_and_counts_as_lost(elsewhere: tuple[Path, Any]) -> None:
    _, done = elsewhere
    assert done.code == 1
    lost = [line for line in done.errors.splitlines() if line.startswith("no run came of job")]
    assert len(lost) == 1
    assert lost[0].startswith("no run came of job 3 (experiment=losses ")
    assert lost[0].endswith("it never reported; the same command goes on from here")


def test_sweep_json_holds_the_axes_of_each_list_and_every_place_on_them(elsewhere: tuple[Path, Any]) -> None:
    folder, _ = elsewhere
    sweep = sweep_of(folder / "results")
    assert sweep["axes"] == [
        {"experiment": ["losses"], "model.batch_size": ["4", "8"]},
        {"experiment": ["losses"]},
        {"experiment": ["seed"]},
    ]
    places = [(run["of_list"], tuple(run["axes"].values()), run["run_id"] is not None) for run in sweep["runs"]]
    assert places == [
        (0, ("losses", "4"), True),
        (0, ("losses", "8"), True),
        (1, ("losses",), False),
        (2, ("seed",), True),
    ]


def test_a_killed_worker_does_not_take_the_sweep_with_it(genbench: Any, tmp_path: Path) -> None:
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = genbench(tmp_path, "run", "-m", "model.wrong=killed,nothing", *genbench.nocost, *joblib)
    assert done.code == 1, done.errors
    assert "the same command goes on from here" in done.errors
    assert "no run came of job 1 (model.wrong=killed" in done.errors
    assert "Traceback" not in done.errors.split("the launcher lost a job")[-1]


def test_the_head_is_killed_and_the_same_command_ends_whole(genbench: Any, tmp_path: Path) -> None:
    results = tmp_path / "results"
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command = ("run", "-m", "seed=0,1,2", *genbench.nocost, *joblib)
    going = genbench.start(tmp_path, *command)
    going.says("drew 300 images")
    going.send(signal.SIGKILL)
    assert going.ends().code == -signal.SIGKILL
    for path in results.rglob("*.json"):
        json.loads(path.read_text())
    done = genbench(tmp_path, *command)
    with suppress(ProcessLookupError):
        os.killpg(going.pid, signal.SIGKILL)  # its workers, which wait for more
    assert done.code == 0, done.errors
    assert "3 seeds" in done.output
    runs = read_sweep(results).runs
    assert [read_record(results / run / "result.json").provenance.seeds["training"] for run in runs] == [0, 1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"results"}
    assert len(list(results.glob("artifacts/stages/*"))) == 3
    assert not list(results.glob("artifacts/*/*.partial"))


def test_submitit_on_this_machine(genbench: Any, tmp_path: Path) -> None:
    submitit = ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=2")
    done = genbench(tmp_path, "run", "-m", "seed=0,1", *genbench.nocost, *submitit)
    assert done.code == 0, done.errors
    assert "2 seeds" in done.output
    sweep = sweep_of(tmp_path / "results")
    assert [run["axes"] for run in sweep["runs"]] == [{"seed": "0"}, {"seed": "1"}]
    assert (tmp_path / "results/sweeps" / sweep["sweep_id"] / ".submitit").is_dir()
    again = genbench(tmp_path, "run", "-m", "seed=0,1", *genbench.nocost, *submitit)
    assert again.errors.count("answered from the store") == 2
    assert len(list((tmp_path / "results").glob("sweeps/*/.submitit"))) == 1, "nothing was left to launch"
    assert {path.name for path in tmp_path.iterdir()} == {"results"}
