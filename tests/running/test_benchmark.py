"""The main road with a toy model: what is made once, what is made again, and how failures are recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from genbench.autoregressive.samplers import Raster
from genbench.discovery.plugins import load_plugins
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry
from genbench.running import artifacts
from genbench.running import benchmark as story
from genbench.running.benchmark import Outcome, benchmark
from genbench.running.lookup import RefusedError
from genbench.running.plan import Plan
from genbench.store.artifacts import Store
from genbench.store.maps import GrowingMap
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE, Status, read_record
from genbench.training import loop

FD, KID = "pixels/frechet_distance", "pixels/kid"


def run(plan: Plan) -> Outcome:
    outcome = benchmark(plan)
    assert outcome is not None
    return outcome


def ids(plan: Plan, kind: str) -> set[str]:
    return {path.name for path in (plan.results / "artifacts" / kind).glob("*")}


def images(plan: Plan) -> list[np.ndarray]:
    """Those of every samples artifact."""
    rows = [Store(plan.results).rows("samples", name) for name in sorted(ids(plan, "samples"))]
    return [np.array(row["images"]) for row in rows if row is not None]


def options(plan: Plan, **changes: object) -> Plan:
    return replace(plan, model=replace(plan.model, options=replace(plan.model.options, **changes)))


def with_metric(plan: Plan, name: str) -> Plan:
    entry = load_plugins().registry.get("metrics", name)
    return replace(plan, metrics={**plan.metrics, name: Choice(entry, entry.options())})


def with_value(choice: Choice, value: object) -> Choice:
    return replace(choice, options=value)


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], None]:
    """Make a function of the road fail if it is called."""

    def forbid(owner: object, name: str) -> None:
        def called(*arguments: object, **keywords: object) -> None:
            raise AssertionError(f"{name} was called again")

        monkeypatch.setattr(owner, name, called)

    return forbid


def test_a_run_leaves_a_valid_record_a_grid_a_log_and_its_config(toy_plan: Plan) -> None:
    outcome = run(toy_plan)
    folder = toy_plan.results / outcome.record.run_id
    record = read_record(folder / "result.json")
    assert record == outcome.record
    assert not outcome.reused
    assert record.status == Status.DONE
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "result.json", "samples.png", "run.log"}
    rows = record.rows
    assert set(rows) == {GENERATED, AT_HELD_OUT, HELD_OUT, NOISE}
    assert [rows[name][FD].n for name in (GENERATED, AT_HELD_OUT, HELD_OUT, NOISE)] == [300, 297, 297, 300]
    assert rows[NOISE][FD].value > rows[GENERATED][FD].value > rows[HELD_OUT][FD].value
    assert record.costs["nfe"].value == 1
    assert record.costs["flops_per_image"].value == 2 * 64 * 64
    assert record.costs["parameters"].value == 64 + 64 * 64
    assert record.costs["training_steps"].value == 12
    assert record.costs["training_images"].value == 12 * 16
    assert record.provenance.seeds == {"training": 0, "sampling": 0}


def test_the_record_lists_every_artifact_that_it_joins(toy_plan: Plan) -> None:
    record, store = run(toy_plan).record, Store(toy_plan.results)
    kinds = [artifact.kind for artifact in record.artifacts]
    assert [kinds.count(kind) for kind in ("stages", "samples", "timings", "features", "scores")] == [1, 1, 1, 4, 4]
    assert all(store.has(artifact.kind, artifact.id) for artifact in record.artifacts)
    assert not any(artifact.reused for artifact in record.artifacts)


def test_the_same_run_again_makes_nothing(toy_plan: Plan, forbid: Callable[[object, str], None]) -> None:
    first = run(toy_plan)
    for owner, name in ((loop, "train_stage"), (artifacts, "draw_images"), (artifacts, "time_generator")):
        forbid(owner, name)
    again = run(toy_plan)
    assert again.reused
    assert again.record == first.record


def test_another_metric_draws_and_times_nothing_and_keeps_what_was_measured(
    toy_plan: Plan, forbid: Callable[[object, str], None]
) -> None:
    run(with_metric(toy_plan, "prdc"))
    for owner, name in ((loop, "train_stage"), (artifacts, "draw_images"), (artifacts, "time_generator")):
        forbid(owner, name)
    record = run(replace(with_metric(toy_plan, "kid"), catalogue=catalogue())).record
    assert record.status == Status.DONE
    assert {FD, KID, "pixels/precision", "pixels/coverage"} <= set(record.rows[GENERATED])
    assert set(record.metrics) == {"frechet_distance", "kid", "prdc"}


def catalogue() -> dict[str, dict[str, Entry]]:
    registry = load_plugins().registry
    kinds = ("features", "metrics")
    return {kind: {name: registry.get(kind, name) for name in registry.names(kind)} for kind in kinds}


def test_another_sampler_trains_nothing(toy_plan: Plan) -> None:
    run(toy_plan)
    record = run(replace(toy_plan, sampler=with_value(toy_plan.sampler, OneShot(truncation=0.5)))).record
    assert [artifact.reused for artifact in record.artifacts if artifact.kind == "stages"] == [True]
    assert len(ids(toy_plan, "stages")) == 1
    assert len(ids(toy_plan, "samples")) == 2


def test_a_sampling_replicate_trains_nothing_and_shares_no_image(toy_plan: Plan) -> None:
    first = run(toy_plan).record
    other = run(replace(toy_plan, sampling=replace(toy_plan.sampling, seed=1))).record
    assert other.family == first.family
    assert other.run_id != first.run_id
    assert len(ids(toy_plan, "stages")) == len(ids(toy_plan, "timings")) == 1
    one, two = images(toy_plan)
    assert not (one == two).all(axis=(1, 2, 3)).any()


def test_more_images_are_added_to_those_that_are_there(toy_plan: Plan) -> None:
    few = replace(toy_plan, sampling=replace(toy_plan.sampling, num_samples=120))
    record = run(few).record
    (first,) = images(toy_plan)
    assert len(first) == 200, "whole batches"
    assert record.rows[GENERATED][FD].n == 120
    assert run(toy_plan).record.rows[GENERATED][FD].n == 300
    (grown,) = images(toy_plan)
    assert (grown[:200] == first).all()
    assert run(few).reused


@pytest.mark.parametrize(
    ("fail", "status", "reason"),
    [
        ("diverged", Status.DIVERGED, "DivergedError: stage 'toy', step 4: loss 'loss' is nan"),
        ("failed", Status.FAILED, "RuntimeError: the toy broke"),
    ],
)
def test_what_goes_wrong_is_recorded_and_tried_again(toy_plan: Plan, fail: str, status: Status, reason: str) -> None:
    plan = options(toy_plan, fail=fail)
    record = run(plan).record
    assert (record.status, record.reason) == (status, reason)
    assert read_record(plan.results / record.run_id / "result.json") == record
    assert "Traceback" in (plan.results / record.run_id / "run.log").read_text()
    assert not run(plan).reused


def test_an_impossible_combination_is_refused_before_training(toy_plan: Plan) -> None:
    record = run(replace(toy_plan, sampler=with_value(toy_plan.sampler, Raster()))).record
    assert record.status == Status.INCOMPATIBLE
    assert record.reason == "toy draws with sampler=one_shot only"
    assert not ids(toy_plan, "stages")


def test_a_failed_attempt_leaves_the_record_of_a_finished_run(toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(toy_plan).record

    def breaks(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(story, "score", breaks)
    again = run(toy_plan)
    assert again.failure == "OSError: disk full"
    assert again.record == read_record(toy_plan.results / first.run_id / "result.json") == first


def test_rows_that_could_not_be_written_whole_are_not_counted(toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    append = GrowingMap.append

    def breaks(self: GrowingMap, rows: object) -> None:
        if self.count == 200:
            raise OSError("disk full")
        append(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(GrowingMap, "append", breaks)
    record = run(toy_plan).record
    assert (record.status, record.reason) == (Status.FAILED, "OSError: disk full")
    assert [len(drawn) for drawn in images(toy_plan)] == [200]
    monkeypatch.undo()
    assert run(toy_plan).record.status == Status.DONE
    assert [len(drawn) for drawn in images(toy_plan)] == [300]


def test_a_record_that_cannot_be_read_is_refused_and_left_alone(toy_plan: Plan) -> None:
    path = toy_plan.results / run(toy_plan).record.run_id / "result.json"
    path.write_text("{")
    with pytest.raises(RefusedError, match="move the file away to compute the run anew"):
        run(toy_plan)
    assert path.read_text() == "{"


@dataclass
class FickleOptions:
    """`found` is what it measures: a number, NaN, or an exception where it is None."""

    found: float | None = 1.0


class Fickle(Metric):
    reads = ("generated",)
    measures = (MeasureInfo(name="fickle", heading="fickle", kind="fidelity", ranks=False),)

    def __init__(self, chosen: FickleOptions) -> None:
        self.found = chosen.found

    def measure(self, evidence: Evidence) -> Score:
        if self.found is None:
            raise ArithmeticError("no number today")
        return Score({"fickle": Measurement(value=self.found, estimand="a made-up number", n=2, reason="made up")})


@pytest.mark.parametrize(
    ("found", "reason"),
    [(None, "ArithmeticError: no number today"), (float("nan"), "ValueError: a measurement's value")],
)
def test_a_metric_that_gives_no_number_costs_its_own_score_only(
    toy_plan: Plan, found: float | None, reason: str
) -> None:
    entry = Entry("metrics", "fickle", "made up", Fickle, FickleOptions, "genbench")
    plan = replace(toy_plan, metrics={**toy_plan.metrics, "fickle": Choice(entry, FickleOptions(found))})
    record = run(plan).record
    assert record.status == Status.DONE
    assert list(record.rows[GENERATED]) == [FD]
    assert record.left_out[f"{GENERATED}: fickle"].startswith(reason)
    alone = replace(plan, metrics={"fickle": plan.metrics["fickle"]}, results=Path(f"{plan.results}-alone"))
    assert run(alone).record.status == Status.FAILED
