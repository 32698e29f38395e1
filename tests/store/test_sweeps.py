"""Sweeps: planned before they work, reported into from anywhere, read back with every run's place on the axes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genbench.store.sweeps import (
    Job,
    ManyMatchesError,
    add_jobs,
    forget_run,
    lost_jobs,
    new_sweep_id,
    plan_sweep,
    read_sweep,
    sweep_ids,
    update_job,
)
from genbench.store.typed_json import RecordError

COMMAND = "genbench run -m model=gan,pixelcnn seed=0,1"


def jobs() -> list[Job]:
    """Two models and two seeds; and another list of overrides, of one model with one axis."""
    places = [(0, {"model": model, "seed": seed}) for model in ("gan", "pixelcnn") for seed in ("0", "1")]
    places += [(1, {"loss": loss}) for loss in ("hinge", "wasserstein")]
    return [
        Job(number=i, of_list=of_list, axes=axes, overrides=tuple(f"{key}={value}" for key, value in axes.items()))
        for i, (of_list, axes) in enumerate(places)
    ]


def test_a_sweep_is_planned_with_its_axes_and_every_runs_place_on_them(tmp_path: Path) -> None:
    sweep = plan_sweep(tmp_path, "s", COMMAND, jobs())
    content = json.loads((tmp_path / "sweeps" / "s" / "sweep.json").read_text())
    assert content["axes"] == [
        {"model": ["gan", "pixelcnn"], "seed": ["0", "1"]},
        {"loss": ["hinge", "wasserstein"]},
    ]
    assert (content["schema_version"], content["sweep_id"], content["command"]) == (2, "s", COMMAND)
    assert content["runs"][2] == {
        "number": 2,
        "overrides": ["model=pixelcnn", "seed=0"],
        "of_list": 0,
        "axes": {"model": "pixelcnn", "seed": "0"},
        "run_id": None,
    }
    for run in content["runs"]:  # a place on the axes of its own list
        axes = content["axes"][run["of_list"]]
        assert run["axes"].keys() == axes.keys()
        assert all(value in axes[axis] for axis, value in run["axes"].items())
    assert read_sweep(tmp_path, "s") == sweep
    assert {job.state for job in sweep.jobs} == {"pending"}
    assert lost_jobs(sweep) == list(sweep.jobs)


def test_a_job_reports_its_states(tmp_path: Path) -> None:
    plan_sweep(tmp_path, "s", COMMAND, jobs())
    assert update_job(tmp_path, "s", 1, state="running", progress="training denoiser 12/700").state == "running"
    update_job(tmp_path, "s", 1, state="done", progress=None, run_id="gan-1", objective=12.5)
    update_job(tmp_path, "s", 2, state="refused", reason="no such device")
    update_job(tmp_path, "s", 3, state="lost", reason="killed")
    update_job(tmp_path, "s", 4, state="running", progress="drawing")
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert [job.state for job in sweep.jobs] == ["pending", "done", "refused", "lost", "running", "pending"]
    done = sweep.jobs[1]
    assert (done.run_id, done.objective, done.progress, done.axes) == (
        "gan-1",
        12.5,
        None,
        {"model": "gan", "seed": "1"},
    )
    assert done.utc.endswith("Z")
    assert (sweep.jobs[2].reason, sweep.jobs[4].progress) == ("no such device", "drawing")
    assert [job.number for job in lost_jobs(sweep)] == [0, 3, 4, 5]
    runs = json.loads((tmp_path / "sweeps" / "s" / "sweep.json").read_text())["runs"]
    assert [run["run_id"] for run in runs] == [None, "gan-1", None, None, None, None]


def test_runs_stand_in_the_order_of_jobs_and_once(tmp_path: Path) -> None:
    plan_sweep(tmp_path, "s", COMMAND, jobs())
    for number, run in ((3, "b"), (0, "a"), (2, "b")):
        update_job(tmp_path, "s", number, state="done", run_id=run)
    sweep = read_sweep(tmp_path, "s")
    assert sweep is not None
    assert sweep.runs == ("a", "b")


def test_the_list_may_grow(tmp_path: Path) -> None:
    plan_sweep(tmp_path, "s", COMMAND, jobs()[:2])
    update_job(tmp_path, "s", 0, state="done", run_id="a")
    grown = add_jobs(tmp_path, "s", jobs()[2:3])
    assert read_sweep(tmp_path, "s") == grown
    assert [(job.number, job.state, job.run_id) for job in grown.jobs] == [
        (0, "done", "a"),
        (1, "pending", None),
        (2, "pending", None),
    ]
    assert grown.axes == ({"model": ("gan", "pixelcnn"), "seed": ("0", "1")},)
    with pytest.raises(ValueError, match="sweep 's' has a job 2 already"):
        add_jobs(tmp_path, "s", jobs()[2:3])
    with pytest.raises(ValueError, match="there is a sweep 's' already"):
        plan_sweep(tmp_path, "s", COMMAND, jobs())


def test_a_job_reports_from_a_process_that_has_nothing_but_the_folder(tmp_path: Path) -> None:
    results, elsewhere, scratch = (tmp_path / name for name in ("results", "elsewhere", "scratch"))
    elsewhere.mkdir()
    scratch.mkdir()
    plan_sweep(results, "s", COMMAND, jobs()[:1])
    code = (
        "import sys, pathlib; from genbench.store.sweeps import update_job;"
        "update_job(pathlib.Path(sys.argv[1]), 's', 0, state='done', run_id='a')"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GENBENCH_", "HYDRA_"))}
    environment = {**kept, "TMPDIR": str(scratch)}
    subprocess.run([sys.executable, "-c", code, str(results)], cwd=elsewhere, env=environment, check=True, timeout=60)
    sweep = read_sweep(results, "s")
    assert sweep is not None
    assert (sweep.runs, lost_jobs(sweep)) == (("a",), [])
    assert list(elsewhere.iterdir()) == list(scratch.iterdir()) == []


def test_sweeps_are_found_by_the_start_of_their_id(tmp_path: Path) -> None:
    assert read_sweep(tmp_path) is None
    for sweep in ("20260101-aa", "20270101-bb", "20260601-cc", "20260601"):
        plan_sweep(tmp_path, sweep, sweep, jobs()[:1])

    def found(prefix: str) -> str | None:
        sweep = read_sweep(tmp_path, prefix)
        return sweep.command if sweep else None

    assert sweep_ids(tmp_path) == ["20270101-bb", "20260601-cc", "20260601", "20260101-aa"]
    assert found("") == "20270101-bb"  # the newest
    assert found("202601") == "20260101-aa"
    assert found("20260601") == "20260601"  # exactly this one, though it is the start of another
    assert found("2025") is None
    assert found("*") is None
    with pytest.raises(ManyMatchesError, match="'2026' is the start of 3 sweeps: 20260601-cc, 20260601, 20260101-aa"):
        read_sweep(tmp_path, "2026")


def test_sweeps_of_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    old = {"sweep_id": "2025-a", "command": "genbench run", "utc": "2025-01-01T00:00:00Z", "runs": ["a", "b"]}
    (tmp_path / "sweeps" / "2025-a.json").write_text(json.dumps(old))
    plan_sweep(tmp_path, "2026-b", COMMAND, jobs())
    sweep = read_sweep(tmp_path, "2025")
    assert sweep is not None
    assert (sweep.sweep_id, sweep.command, sweep.runs, sweep.axes) == ("2025-a", "genbench run", ("a", "b"), ())
    assert lost_jobs(sweep) == []
    assert sweep_ids(tmp_path) == ["2026-b", "2025-a"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s/sweep.json", "{", r"sweep\.json: not JSON"),
        ("s/sweep.json", "[]", r"sweep\.json: found list, expected an object"),
        ("s/sweep.json", '{"schema_version": 3}', r"sweep\.json: schema_version: found 3, expected 2"),
        ("s/sweep.json", '{"schema_version": 2, "sweep_id": "s", "command": 1}', r"command: found 1, expected text"),
        ("s/jobs/0.json", '{"number": 0, "state": "busy"}', r"0\.json: state: found 'busy', expected one of pending"),
        ("s.json", "{}", r"s\.json: no sweep"),
    ],
)
def test_files_that_hold_no_sweep_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    if "jobs" in name:
        plan_sweep(tmp_path, "s", COMMAND, jobs()[:1])
    path = tmp_path / "sweeps" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(RecordError, match=message):
        read_sweep(tmp_path, "s")
    forget_run(tmp_path, "a")  # what cannot be read is left as it is
    assert path.read_text() == text


def test_forgetting_a_run_takes_its_jobs_out_of_every_sweep(tmp_path: Path) -> None:
    plan_sweep(tmp_path, "one", COMMAND, jobs()[:1])
    plan_sweep(tmp_path, "two", COMMAND, jobs()[:3])
    update_job(tmp_path, "one", 0, state="done", run_id="a")
    for number, run in enumerate(("a", "b", "a")):
        update_job(tmp_path, "two", number, state="done", run_id=run)
    (tmp_path / "sweeps" / "old.json").write_text(json.dumps({"command": "", "utc": "", "runs": ["a", "c"]}))
    (tmp_path / "sweeps" / "older.json").write_text(json.dumps({"command": "", "utc": "", "runs": ["a"]}))
    forget_run(tmp_path, "a")
    assert sweep_ids(tmp_path) == ["two", "old"]
    two, old = read_sweep(tmp_path, "two"), read_sweep(tmp_path, "old")
    assert two is not None
    assert old is not None
    assert ([job.number for job in two.jobs], two.runs, old.runs) == ([1], ("b",), ("c",))
    assert [path.name for path in (tmp_path / "sweeps" / "two" / "jobs").iterdir()] == ["1.json"]
    assert not (tmp_path / "sweeps" / "one").exists()


def test_new_ids_sort_by_time_and_differ() -> None:
    ids = [new_sweep_id() for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(len(sweep_id) == len("20260131-120000-abcd") for sweep_id in ids)
