"""What a results folder holds: every artifact that a run lists is needed, and what nobody lists is found."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from genbench.interfaces.measurement import Measurement
from genbench.store.artifacts import Store
from genbench.store.inventory import (
    NO_RUN,
    OLDER_RUNS,
    Waste,
    artifact_sizes,
    artifacts,
    delete_run,
    find_waste,
    remove,
    size,
    stored_runs,
    undecided,
)
from genbench.store.locks import lock_path
from genbench.store.records import ArtifactRecord, ImagesRecord, RunRecord, Status, write_record
from genbench.store.sweeps import Job, plan_sweep, read_sweep, update_job

TWO_DAYS_AGO = time.time() - 2 * 24 * 3600
STAGE, SHARED, SAMPLES, OTHER, FEATURES, SCORE, TIMING = (f"{digit}{'0' * 15}" for digit in "1234567")
Make = Callable[..., RunRecord]


def joins(*names: tuple[str, str]) -> tuple[ArtifactRecord, ...]:
    return tuple(ArtifactRecord(kind=kind, id=id, reused=False, name=f"{i}") for i, (kind, id) in enumerate(names))


def add(results: Path, record: RunRecord) -> RunRecord:
    write_record(results / record.run_id / "result.json", record)
    return record


ONE = (
    ("stages", SHARED),
    ("stages", STAGE),
    ("samples", SAMPLES),
    ("features", FEATURES),
    ("scores", SCORE),
    ("timings", TIMING),
)
TWO = (("stages", SHARED), ("samples", OTHER))


@pytest.fixture
def results(tmp_path: Path, make_record: Make, make_measurement: Callable[..., Measurement]) -> Path:
    """Two runs that share a stage, with every kind of artifact."""
    store = Store(tmp_path)
    for stage in (STAGE, SHARED):
        store.make("stages", stage, lambda side: (side / "final.safetensors").write_bytes(bytes(1000)))
    for kind, name in (("samples", SAMPLES), ("samples", OTHER), ("features", FEATURES)):
        with store.grow(kind, name) as rows:
            rows.append({"images": np.zeros((4, 3, 4, 4), np.uint8)})
    store.make_score(SCORE, lambda: ({"recall": make_measurement()}, {"inside": np.zeros(4, bool)}))
    store.make_json("timings", TIMING, list)
    add(tmp_path, make_record(run_id="one", artifacts=joins(*ONE)))
    add(tmp_path, make_record(run_id="two", artifacts=joins(*TWO)))
    return tmp_path


def names(waste: Iterable[Waste]) -> list[tuple[str, str]]:
    return sorted((each.path.parent.name, each.path.name) for each in waste)


def test_runs_need_all_that_they_list(results: Path) -> None:
    assert [(run.run_id, run.status) for run in stored_runs(results)] == [("one", "done"), ("two", "done")]
    assert find_waste(results) == []


def test_what_a_deleted_run_alone_needed_is_found_and_the_rest_kept(results: Path) -> None:
    delete_run(results, "one")
    waste = find_waste(results)
    assert names(waste) == sorted(
        [
            ("stages", STAGE),
            ("samples", SAMPLES),
            ("features", FEATURES),
            ("scores", f"{SCORE}.json"),
            ("scores", f"{SCORE}.npz"),
            ("timings", f"{TIMING}.json"),
        ]
    )
    assert {each.why for each in waste} == {NO_RUN}
    assert sum(each.size for each in waste) == sum(size(each.path) for each in waste) > 1000
    assert remove(waste) == waste
    assert not any(each.path.exists() for each in waste)
    assert find_waste(results) == []
    assert (Store(results).has("stages", SHARED), Store(results).has("samples", OTHER)) == (True, True)


def test_a_shared_stage_is_kept_while_either_run_lives(results: Path) -> None:
    for first, second in (("one", "two"), ("two", "one")):
        copy = results.with_name(f"without_{first}")
        shutil.copytree(results, copy)
        delete_run(copy, first)
        assert ("stages", SHARED) not in names(find_waste(copy))
        delete_run(copy, second)
        assert ("stages", SHARED) in names(find_waste(copy))


def test_without_runs_nothing_is_needed(results: Path) -> None:
    delete_run(results, "one")
    delete_run(results, "two")
    assert {kind for kind, _ in names(find_waste(results))} == {"stages", "samples", "features", "scores", "timings"}


def test_a_run_at_work_keeps_everything(results: Path) -> None:
    delete_run(results, "one")
    (results / "three").mkdir()
    (results / "three" / "config.yaml").write_text("seed: 9\n")
    runs = stored_runs(results)
    assert {run.run_id: run.status for run in runs} == {"two": "done", "three": "unfinished"}
    assert [run.run_id for run in undecided(runs)] == ["three"]
    assert find_waste(results) == []


def test_a_failed_run_keeps_what_it_goes_on_from(results: Path, make_record: Make) -> None:
    delete_run(results, "one")
    bare = {"images": None, "rows": {}, "status": Status.FAILED, "reason": "broke"}
    add(results, make_record(run_id="failed", artifacts=joins(("stages", STAGE), ("samples", "8" * 16)), **bare))
    add(results, make_record(run_id="refused", artifacts=(), **{**bare, "status": Status.INCOMPATIBLE}))
    for name in ("8" * 16, "9" * 16):
        partial = results / "artifacts" / "samples" / f"{name}.partial"
        partial.mkdir()
        os.utime(partial, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    wasted = names(find_waste(results))
    assert ("samples", SAMPLES) in wasted
    assert ("stages", STAGE) not in wasted
    assert [name for _, name in wasted if name.endswith(".partial")] == [f"{'9' * 16}.partial"]


def test_images_from_outside_need_no_samples(results: Path, make_record: Make) -> None:
    delete_run(results, "one")
    images = ImagesRecord(id="f" * 16, first=0, count=4, name="a folder")
    add(results, make_record(run_id="given", model=None, images=images, artifacts=joins(("scores", SCORE))))
    wasted = names(find_waste(results))
    assert ("scores", f"{SCORE}.json") not in wasted
    assert ("scores", f"{SCORE}.npz") not in wasted
    assert ("samples", SAMPLES) in wasted


def test_older_records_keep_nothing_and_stop_nobody(results: Path) -> None:
    delete_run(results, "one")
    old = {"schema_version": 1, "run_id": "old", "artifacts": {"model": STAGE, "samples": "gone"}, "status": "done"}
    (results / "old").mkdir()
    (results / "old" / "result.json").write_text(json.dumps(old))
    run = next(run for run in stored_runs(results) if run.run_id == "old")
    assert (run.status, run.outline) == ("older", None)
    assert "written by an older genbench" in run.problem
    assert undecided([run]) == []
    why = {each.path.name: each.why for each in find_waste(results)}
    assert (why[STAGE], why[SAMPLES]) == (OLDER_RUNS, NO_RUN)
    assert SHARED not in why


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (json.dumps({"schema_version": 9, "joined": [{"what": STAGE}]}), {STAGE}),
        ('{"schema_version": 2, "artifacts": [{"id": "' + SAMPLES, {SAMPLES}),
        ("{}", {STAGE, SAMPLES, FEATURES}),
        ("", {STAGE, SAMPLES, FEATURES}),
    ],
    ids=["newer", "half", "nothing", "empty"],
)
def test_an_unreadable_record_keeps_the_ids_in_it_or_everything(results: Path, text: str, kept: set[str]) -> None:
    (results / "one" / "result.json").write_text(text)
    run = next(run for run in stored_runs(results) if run.run_id == "one")
    assert run.status == "unreadable"
    assert "result.json: " in run.problem
    wasted = {each.path.name for each in find_waste(results)}
    assert {STAGE, SAMPLES, FEATURES} - wasted == kept
    assert bool(undecided([run])) == (text in ("{}", ""))


def test_leftovers_of_killed_processes_are_waste_after_a_day(results: Path) -> None:
    folder = results / "artifacts"
    partial = folder / "stages" / "0123456789abcdef.partial"
    partial.mkdir()
    (partial / "checkpoint.pt").write_bytes(bytes(1000))
    writing = [folder / "samples" / SAMPLES / "rows.json.1234abcd.writing", folder / "stages" / "x.7.writing"]
    writing += [
        results / "sweeps" / "s" / "jobs" / "0.json.1234abcd.writing",
        results / "one" / "result.json.a.writing",
    ]
    writing += [results / "sweeps" / "s" / "sweep.json.1234abcd.writing"]
    locks = [folder / "locks" / "stages-0123456789abcdef.lock", results / "sweeps" / "gone.lock"]
    for path in (*writing, *locks):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    assert find_waste(results) == []
    for path in (partial / "checkpoint.pt", partial, *writing, *locks):
        os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    waste = find_waste(results)
    assert {each.path for each in waste} == {partial, *writing, *locks}
    assert sum(each.size for each in waste) == 1000 + len(writing) + len(locks)
    remove(waste)
    assert not any(path.exists() for path in (partial, *writing, *locks))


def _hold(lock: Path, ready: Any, done: Any) -> None:
    with FileLock(lock):
        ready.set()
        done.wait(60)


def test_what_a_live_process_has_locked_is_left(results: Path) -> None:
    delete_run(results, "one")
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    waste = find_waste(results)
    holder = context.Process(target=_hold, args=(lock_path(results, "stages", STAGE), ready, done))
    holder.start()
    try:
        assert ready.wait(60)
        assert ("stages", STAGE) in names(waste)
        assert ("stages", STAGE) not in names(find_waste(results))
        removed = remove(waste)  # found before the process came
        assert ("stages", STAGE) not in names(removed)
        assert len(removed) == len(waste) - 1
        assert Store(results).has("stages", STAGE)
    finally:
        done.set()
        holder.join(60)
    assert names(find_waste(results)) == [("stages", STAGE)]


def test_deleting_a_run_takes_its_job_out_of_every_sweep(results: Path) -> None:
    plan_sweep(results, "both", "genbench run -m", [Job(number=0), Job(number=1)])
    plan_sweep(results, "alone", "genbench run", [Job(number=0)])
    for sweep, number, run in (("both", 0, "one"), ("both", 1, "two"), ("alone", 0, "one")):
        update_job(results, sweep, number, state="done", run_id=run)
    delete_run(results, "one")
    assert not (results / "one").exists()
    both = read_sweep(results, "both")
    assert both is not None
    assert both.runs == ("two",)
    assert read_sweep(results, "alone") is None


def test_where_the_artifacts_of_a_run_lie(results: Path) -> None:
    record = next(run.read() for run in stored_runs(results) if run.run_id == "one")
    folder = results / "artifacts"
    paths = artifacts(results, record)
    assert paths["stages/1"] == [folder / "stages" / STAGE]
    assert paths["scores/4"] == [folder / "scores" / f"{SCORE}.json", folder / "scores" / f"{SCORE}.npz"]
    shutil.rmtree(folder / "stages" / STAGE)
    assert artifacts(results, record)["stages/1"] == []


def test_sizes_are_those_of_all_files_below(results: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(bytes(10))
    (tmp_path / "a" / "d").write_bytes(bytes(5))
    assert (size(tmp_path / "a"), size(tmp_path / "a" / "d"), size(tmp_path / "none")) == (15, 5, 0)
    scores = results / "artifacts" / "scores"
    sizes = artifact_sizes(results)
    assert sizes["stages", STAGE] == 1000
    assert sizes["scores", SCORE] == size(scores / f"{SCORE}.json") + size(scores / f"{SCORE}.npz")
    assert len(sizes) == 7
