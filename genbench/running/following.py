"""Several processes at one command: rank 0 leads through the jobs, the others follow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from genbench.interfaces.ranks import Ranks
from genbench.running.jobs import Launcher, run_job
from genbench.running.lookup import resolved
from genbench.running.plan import Plan
from genbench.running.ranks import RankError, World
from genbench.store.records import Status


class FailedRunError(Exception):
    """A run that failed on rank 0, where it is recorded: raised to wake the others, who wait for it."""


def with_ranks(world: World) -> Launcher:
    """The launcher of rank 0: sends every job's plan to the other ranks, and does its share of it."""

    def run(plans: Sequence[Plan]) -> None:
        for number, plan in enumerate(plans):
            with suppress(RankError, FailedRunError), world.job(number) as ranks:
                record = run_job(_placed(_sent(ranks, plan), world), ranks=ranks)
                if record is None or record.status not in (Status.DONE, Status.INCOMPATIBLE):
                    raise FailedRunError(record.reason if record else "no run came of the job")
        with suppress(RankError), world.job(len(plans)) as ranks:
            _sent(ranks, None)

    return run


def follow(world: World) -> int:
    """What the other ranks do: their share of every job, until there is none. Returns the exit code, 0: what goes wrong
    here wakes rank 0, which records it.
    """
    from genbench.running.benchmark import benchmark

    number = 0
    while True:
        with suppress(Exception, SystemExit), world.job(number) as ranks:
            plan = _sent(ranks, None)
            if plan is None:
                return 0
            benchmark(_placed(plan, world), ranks=ranks)
        if world.lost:
            return 0
        number += 1


def _sent(ranks: Ranks, plan: Plan | None) -> Plan | None:
    """Rank 0's plan, on every rank; None where there are no further jobs."""
    return ranks.broadcast(plan)


def _placed(plan: Plan | None, world: World) -> Plan:
    """The plan on this process's own device."""
    assert plan is not None
    return replace(plan, device=world.device(resolved(plan.device)))
