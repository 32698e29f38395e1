"""What a results folder holds: every artifact of a run is known to be needed, and what nobody needs is found."""

import json
import multiprocessing
import os
import shutil
import time
from dataclasses import replace

import pytest
from filelock import FileLock

from genbench.registry.entries import Entry
from genbench.running.benchmark import benchmark
from genbench.running.plan import Choice
from genbench.store.inventory import delete_run, find_waste, remove, size, stored_runs, undecided
from genbench.store.records import Status, write_record
from genbench.store.sweeps import add_run, read_sweep

TWO_DAYS_AGO = time.time() - 2 * 24 * 3600


@pytest.fixture
def store(toy_plan):
    """One finished run of a real sweep."""
    outcome = benchmark(toy_plan, "genbench run")
    add_run(toy_plan.results, "sweep", "genbench run", outcome.record.run_id)
    return toy_plan.results, outcome.record


def kinds(found):
    return sorted({waste.path.parent.name for waste in found})


def hold(lock, ready, done):
    with FileLock(lock):
        ready.set()
        done.wait(20)


def test_a_run_needs_all_that_it_made(store):
    results, record = store
    assert [(run.run_id, run.status) for run in stored_runs(results)] == [(record.run_id, "done")]
    assert len(list(results.glob("artifacts/features/*"))) == 4  # samples, training and held-out images, noise
    assert find_waste(results) == []


def test_what_a_deleted_run_alone_needed_is_found_and_the_rest_kept(store, toy_plan):
    results, record = store
    reseeded = replace(toy_plan, seed=1, sampling=replace(toy_plan.sampling, seed=1))
    other = benchmark(reseeded, "genbench run").record
    assert other.artifacts.model == record.artifacts.model
    delete_run(results, other.run_id)
    found = find_waste(results)
    assert kinds(found) == ["features", "samples"]  # the model and the timing are the other run's too
    assert [waste.path.name for waste in found if waste.path.parent.name == "samples"] == [other.artifacts.samples]
    assert sum(waste.size for waste in found) == sum(size(waste.path) for waste in found) > 300 * 64
    assert remove(found) == found
    assert not any(waste.path.exists() for waste in found)
    assert find_waste(results) == []
    assert benchmark(replace(toy_plan, seed=0), "again").reused


def test_without_runs_nothing_is_needed(store):
    results, record = store
    delete_run(results, record.run_id)
    assert read_sweep(results) is None
    assert kinds(find_waste(results)) == ["features", "models", "samples", "scores", "timings"]


def test_a_run_at_work_keeps_everything(store):
    results, record = store
    delete_run(results, record.run_id)
    at_work = results / "toy-digits-s9-00000000"
    at_work.mkdir()
    (at_work / "config.yaml").write_text("seed: 9\n")
    assert [run.status for run in stored_runs(results)] == ["unfinished"]
    assert undecided(stored_runs(results)) == stored_runs(results)
    assert find_waste(results) == []


def test_a_failed_run_goes_on_from_what_it_left(store, toy_plan, toy):
    results, record = store
    broken = replace(toy_plan.model.options, fail="failed")
    entry = Entry("model", "toy", "a toy", toy, type(broken), "genbench")
    failed = benchmark(replace(toy_plan, model=Choice(entry, broken)), "genbench run").record
    assert failed.status == "failed"
    delete_run(results, record.run_id)
    wasted = {waste.path.name.partition(".")[0] for waste in find_waste(results)}
    assert record.artifacts
    assert failed.artifacts
    assert {record.artifacts.model, record.artifacts.samples} <= wasted
    assert failed.artifacts.model not in wasted
    assert (results / "artifacts" / "models" / f"{failed.artifacts.model}.partial").exists()


def test_features_stay_where_a_failed_run_may_have_others(store):
    results, record = store
    write_record(results / record.run_id / "result.json", replace(record, status=Status.FAILED, reason="broke"))
    unused = results / "artifacts" / "models" / "fedcba9876543210"
    unused.mkdir()
    (results / "artifacts" / "features" / "fedcba9876543210.safetensors").touch()
    assert [waste.path for waste in find_waste(results)] == [unused]


def test_an_unreadable_record_is_listed_and_keeps_everything(store):
    results, record = store
    (results / record.run_id / "result.json").write_text("{}")
    run = stored_runs(results)[0]
    assert run.status == "unreadable"
    assert "schema_version" in run.problem
    assert find_waste(results) == []


def test_leftovers_of_killed_processes_are_waste_after_a_day(store):
    results, _ = store
    partial = results / "artifacts" / "models" / "0123456789abcdef.partial"
    partial.mkdir()
    (partial / "checkpoint.pt").write_bytes(bytes(1000))
    writing = results / "sweeps" / "x.json.17.writing"
    writing.write_text("{")
    lock = results / "artifacts" / "locks" / "models-0123456789abcdef.lock"
    lock.touch()
    assert find_waste(results) == []
    for path in (partial / "checkpoint.pt", partial, writing, lock):
        os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    found = find_waste(results)
    assert {waste.path for waste in found} == {partial, writing, lock}
    assert {waste.size for waste in found} == {1000, 1, 0}
    remove(found)
    assert not partial.exists()
    assert not writing.exists()
    assert not lock.exists()


def test_what_a_live_process_has_locked_is_left(store):
    results, record = store
    delete_run(results, record.run_id)
    model = results / "artifacts" / "models" / record.artifacts.model
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    found = find_waste(results)
    lock = results / "artifacts" / "locks" / f"models-{model.name}.lock"
    holder = context.Process(target=hold, args=(lock, ready, done))
    holder.start()
    try:
        assert ready.wait(20)
        assert model in {waste.path for waste in found}
        assert model not in {waste.path for waste in find_waste(results)}
        removed = remove(found)  # found before the process came
        assert model not in {waste.path for waste in removed}
        assert len(removed) == len(found) - 1
        assert (model / "state.safetensors").exists()
    finally:
        done.set()
        holder.join()
    assert model in {waste.path for waste in find_waste(results)}


def test_deleting_takes_the_name_out_of_every_sweep(store):
    results, record = store
    add_run(results, "sweep", "genbench run", "another")
    add_run(results, "third", "genbench run", "another")
    delete_run(results, record.run_id)
    assert not (results / record.run_id).exists()
    assert json.loads((results / "sweeps" / "sweep.json").read_text())["runs"] == ["another"]
    assert read_sweep(results, "third").runs == ("another",)


def test_sizes_are_those_of_all_files_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(bytes(10))
    (tmp_path / "a" / "d").write_bytes(bytes(5))
    assert (size(tmp_path / "a"), size(tmp_path / "a" / "d"), size(tmp_path / "none")) == (15, 5, 0)
    shutil.rmtree(tmp_path / "a")
    assert size(tmp_path / "a") == 0
