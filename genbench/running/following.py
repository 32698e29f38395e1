"""Several processes at one command: rank 0 leads through the jobs, the others follow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from genbench.running.jobs import Launcher, run_job
from genbench.running.plan import Plan
from genbench.running.ranks import RankError, World
from genbench.store.records import Status

TOGETHER = (Status.DONE, Status.INCOMPATIBLE)
"""How a run ends on all ranks at once."""


class FailedRunError(Exception):
    """A run that failed on rank 0, where it is recorded: raised to wake the others, who wait for it."""


def with_ranks(world: World) -> Launcher:
    """The launcher of rank 0: sends every job's plan to the other ranks, and does its share of it."""

    def run(plans: Sequence[Plan]) -> None:
        for number, plan in enumerate(plans):
            with suppress(RankError, FailedRunError), world.job(number) as ranks:
                outcome = run_job(ranks.broadcast(plan), ranks=ranks)
                if outcome is None or outcome.failure or outcome.record.status not in TOGETHER:
                    raise FailedRunError("the run failed on rank 0")
        dismiss(world, len(plans))

    return run


def dismiss(world: World, number: int = 0) -> None:
    """Tell the other ranks that there are no further jobs."""
    with suppress(RankError), world.job(number) as ranks:
        ranks.broadcast(None)


def follow(world: World) -> int:
    """What the other ranks do: their share of every job, until there is none. Returns the exit code, 0: what goes wrong
    here wakes rank 0, which records it.
    """
    from genbench.running.benchmark import benchmark

    number = 0
    while True:
        with suppress(Exception, SystemExit), world.job(number) as ranks:
            plan: Plan | None = ranks.broadcast(None)
            if plan is None:
                return 0
            benchmark(plan, ranks=ranks)
        if world.lost:
            return 0
        number += 1
