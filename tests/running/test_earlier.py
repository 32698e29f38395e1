"""Runs that are there already: added to, measured anew after an edit, worked on by one process at a time."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace

import pytest
import torch

from genbench.discovery.plugins import load_plugins
from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.measuring.identity import Identity, score_identity
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry, NoOptions
from genbench.running import benchmark as road
from genbench.running.benchmark import Outcome, benchmark
from genbench.running.plan import Plan
from genbench.store.inventory import stored_runs, undecided
from genbench.store.records import GENERATED, Status, read_record


def done(plan: Plan) -> Outcome:
    outcome = benchmark(plan, live=False)
    assert outcome is not None
    return outcome


def asking_for(plan: Plan, *names: str) -> Plan:
    """The plan with these shipped metrics instead, and all of them known."""
    registry = load_plugins().registry
    entries = {name: registry.get("metrics", name) for name in (*names, "frechet_distance")}
    choices = {name: Choice(entries[name], entries[name].options()) for name in names}
    return replace(plan, metrics=choices, catalogue={"metrics": entries})


class Adjustable(Metric):
    """A metric whose value a test decides."""

    reads = ("generated",)
    measures = (MeasureInfo(name="adjustable", heading="adjustable", kind="fidelity", direction="lower"),)
    value = 1.0

    def __init__(self, options: NoOptions) -> None:
        pass

    def measure(self, evidence: Evidence) -> Score:
        value = type(self).value
        return Score({"adjustable": Measurement(value=value, estimand="what it is set to", n=1, reason="exact")})


ADJUSTABLE = Choice(Entry("metrics", "adjustable", "a metric", Adjustable, NoOptions, "genbench"), NoOptions())


def edited(metric: Metric, options: object, reads: object) -> Identity:
    """The id of a score after an edit of its metric."""
    identity = score_identity(metric, options, reads)  # type: ignore[arg-type]
    return replace(identity, id=f"edited{identity.id[6:]}") if isinstance(metric, Adjustable) else identity


def test_what_an_earlier_command_measured_is_found_or_measured_again_after_an_edit(
    toy_plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(toy_plan, catalogue={"metrics": {"adjustable": ADJUSTABLE.entry}})
    assert done(replace(plan, metrics={"adjustable": ADJUSTABLE})).record.rows[GENERATED]["adjustable"].value == 1
    monkeypatch.setattr(Adjustable, "value", 2.0)
    assert done(plan).record.rows[GENERATED]["adjustable"].value == 1, "no code changed: it is found"
    monkeypatch.setattr("genbench.measuring.evaluator.score_identity", edited)
    row = done(plan).record.rows[GENERATED]
    assert set(row) == {"adjustable", "pixels/frechet_distance"}
    assert row["adjustable"].value == 2


def test_what_is_not_registered_any_more_goes_from_the_record(toy_plan: Plan) -> None:
    done(replace(toy_plan, metrics={"adjustable": ADJUSTABLE}))
    assert set(done(toy_plan).record.rows[GENERATED]) == {"pixels/frechet_distance"}


def test_a_failing_attempt_is_told_and_the_record_stays(toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first = done(toy_plan).record

    def broken(*arguments: object) -> None:
        raise RuntimeError("no weights")

    monkeypatch.setattr(road, "evaluator", broken)
    again = done(toy_plan)
    assert (again.failure, again.reused) == ("RuntimeError: no weights", False)
    assert again.record == first == read_record(toy_plan.results / first.run_id / "result.json")


def test_toy_budgets_are_another_run_than_real_ones(toy_plan: Plan) -> None:
    quick, real = done(toy_plan).record, done(replace(toy_plan, quick=False)).record
    assert quick.run_id != real.run_id
    assert (quick.quick, real.quick, done(toy_plan).record.quick) == (True, False, True)


def test_two_at_once_add_to_one_record(toy_plan: Plan) -> None:
    done(toy_plan)
    errors: list[BaseException] = []

    def ask(name: str) -> None:
        try:
            done(asking_for(toy_plan, name))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("kid", "vendi_score")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    record = done(asking_for(toy_plan, "kid", "vendi_score")).record
    (run,) = stored_runs(toy_plan.results)
    assert {key.partition("/")[2] for key in run.read().rows[GENERATED]} == {"frechet_distance", "kid", "vendi_score"}
    assert run.read() == record


def test_a_run_at_work_keeps_every_artifact(toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    record = done(toy_plan).record
    assert undecided(stored_runs(toy_plan.results)) == []
    seen: list[list[str]] = []
    score = road.score

    def looking(*arguments: object) -> object:
        seen.append([run.run_id for run in undecided(stored_runs(toy_plan.results))])
        return score(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(road, "score", looking)
    done(toy_plan)
    assert seen == [[record.run_id]]


def test_nothing_of_the_callers_process_is_changed(toy_plan: Plan) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    torch.set_num_threads(1)
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    seen: list[object] = []
    outcome = benchmark(
        replace(toy_plan, threads=2), live=False, heard=lambda line: seen.append(signal.getsignal(signal.SIGINT))
    )
    assert outcome is not None
    assert outcome.record.status == Status.DONE
    assert set(seen) == {handlers[0]}, "signals were touched while it worked"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert torch.get_num_threads() == 1
    assert (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()) == before
