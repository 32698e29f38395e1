"""Jobs: every way of launching them ends in `run_job`, and every job reports into its sweep's folder."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from genbench.interfaces.ranks import Alone, Ranks
from genbench.running.lookup import RefusedError
from genbench.running.plan import Plan
from genbench.running.progress import announce
from genbench.store.records import RunRecord, read_record
from genbench.store.sweeps import Job, Sweep, add_jobs, drop_sweep, plan_sweep, read_sweep, sweep_ids, update_job
from genbench.tracking.tracker import safely

if TYPE_CHECKING:
    from genbench.running.benchmark import Outcome

Launcher = Callable[[Sequence[Plan]], None]
"""Runs one job for each plan. Whatever happens to a job, it raises only if jobs were lost."""


def in_process(plans: Sequence[Plan]) -> None:
    """One job after the other, in this process, each on the plan that was checked."""
    for plan in plans:
        run_job(plan)


def launch(plans: Sequence[Plan], launcher: Launcher = in_process) -> list[RunRecord]:
    """Plan the jobs, in a new sweep or one that goes on, run them, and read back the records of those that became runs,
    in the order of the jobs. What came of the others stands in the sweep (`read_sweep`).

    Raises RefusedError if nothing can be written into the results folder.
    """
    place = plans[0].place
    results = plans[0].results
    try:
        jobs = [_planned(plan) for plan in plans]
        if place.sweep in sweep_ids(results):
            add_jobs(results, place.sweep, jobs)
        else:
            plan_sweep(results, place.sweep, place.command, jobs)
    except OSError as error:
        raise RefusedError(f"results={results}: {error.strerror or error}") from None
    try:
        launcher(plans)
    except Exception as error:  # a worker was killed, or ran out of memory
        announce(f"the launcher lost a job ({type(error).__name__}: {error}); the same command goes on from here")
    sweep = read_sweep(results, place.sweep)
    assert sweep is not None
    numbers = {job.number for job in jobs}
    runs = dict.fromkeys(job.run_id for job in sweep.jobs if job.run_id and job.number in numbers)
    return [read_record(results / run / "result.json") for run in runs]


def came_of(plan: Plan) -> Sweep:
    """The sweep that this plan is part of, as it ended. Where no job could be begun it is not kept: the newest sweep
    should be one that has something to show.
    """
    sweep = read_sweep(plan.results, plan.place.sweep)
    assert sweep is not None
    if all(job.state == "refused" for job in sweep.jobs):
        drop_sweep(plan.results, sweep.sweep_id)
    return sweep


def _planned(plan: Plan) -> Job:
    place = plan.place
    return Job(number=place.number, overrides=plan.overrides, of_list=place.of_list, axes=dict(place.axes))


def run_job(plan: Plan, live: bool = True, ranks: Ranks | None = None) -> Outcome | None:
    """One run of a sweep, on rank 0, reported into the sweep's folder and mirrored to the plan's tracker; None where no
    record came of it. Whatever goes wrong is reported, and other jobs go on.

    `live` shows a progress bar on a terminal: not where several jobs share it.
    """
    ranks = ranks or Alone()
    from genbench.running.benchmark import benchmark  # seconds to import, so only now

    place, results = plan.place, plan.results
    label = plan.model.name
    if place.jobs > 1:
        label = f"{place.number + 1}/{place.jobs} {label}"

    def report(**state: object) -> None:
        try:
            update_job(results, place.sweep, place.number, **state)
        except OSError as error:
            announce(f"{label}: its report cannot be written: {error}")

    announce(f"[{label}] {' '.join(plan.overrides) if place.jobs > 1 else 'preparing'}")
    report(state="running")
    try:
        outcome = benchmark(plan, label, live, ranks, lambda line: report(progress=line))
    except RefusedError as error:
        announce(f"{label if place.jobs > 1 else 'genbench'}: {error}")
        report(state="refused", reason=str(error))
        return None
    except (Exception, SystemExit) as error:  # a defect, of ours or of a plugin: show it all, but go on
        announce(f"{label}: {traceback.format_exc()}")
        report(state="lost", reason=f"{type(error).__name__}: {error}")
        return None
    assert outcome is not None  # this is rank 0
    record, objective = outcome.record, objective_of(outcome.record, plan.objective)
    state = "failed" if outcome.failure else "done"
    report(state=state, run_id=record.run_id, objective=objective, reason=outcome.failure)
    if outcome.reused:
        announce(f"[{label}] {record.run_id}: answered from the store")
    safely(
        lambda: plan.tracking.build().mirror(record, results, place.sweep, place.axes), plan.tracking.name, place.sweep
    )
    return outcome


def objective_of(record: RunRecord, key: str) -> float | None:
    """The measurement of the run's images, or the cost, that `key` names; None where there is none."""
    measurement = record.rows.get("generated", {}).get(key) or record.costs.get(key)
    return measurement.value if key and measurement else None
