"""Runs that differ only in their seeds, as one number with a spread; and which entries of a column share the lead."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from genbench.interfaces.measurement import Measurement
from genbench.store.records import RunRecord

LEAD = 2.0  # combined standard errors within which an entry is not told apart from the best


@dataclass(frozen=True)
class Estimate:
    """A number from `count` runs. `spread` is what a table shows after ±: the standard error of one run, or the sample
    standard deviation over replicates. `error` is the standard error of `value`. None where it is not known.
    """

    value: float
    spread: float | None = None
    error: float | None = None
    count: int = 1


def by_family(records: Iterable[RunRecord]) -> list[tuple[RunRecord, ...]]:
    """Replicates together, families in the order of their first run; a run that is named twice counts once."""
    return _grouped((record.family, record) for record in records)


def by_clock_family(records: Iterable[RunRecord]) -> list[tuple[RunRecord, ...]]:
    """Replicates whose clock numbers may be pooled: of one family, and timed alike by the same machine and torch.

    Runs that were not timed stand by themselves within their family.
    """
    return _grouped(((record.family, record.timing and record.timing.family), record) for record in records)


def _grouped(keyed: Iterable[tuple[Hashable, RunRecord]]) -> list[tuple[RunRecord, ...]]:
    groups: dict[Hashable, dict[str, RunRecord]] = {}
    for key, record in keyed:
        groups.setdefault(key, {})[record.run_id] = record
    return [tuple(runs.values()) for runs in groups.values()]


def combine(measurements: Sequence[Measurement]) -> Estimate:
    """One estimate from n >= 1 replicates, each measured once and of equal protocol. All must have a value.

    Of two or more it is the mean, with the sample standard deviation (n - 1) as spread and that over sqrt(n) as
    error. The error is never below what the replicates' own standard errors leave of it, their root mean square over
    sqrt(n): two seeds that agree by chance do not make a number certain.
    """
    values = [measurement.value for measurement in measurements if measurement.value is not None]
    errors = [measurement.standard_error for measurement in measurements]
    if len(values) < len(measurements) or not values:
        raise ValueError("only measurements that have a value can be combined, and at least one")
    if len(values) == 1:
        return Estimate(values[0], errors[0], errors[0])
    known = [error for error in errors if error is not None]
    least = math.sqrt(statistics.fmean(error**2 for error in known)) if len(known) == len(errors) else 0.0
    spread = statistics.stdev(values)
    return Estimate(statistics.fmean(values), spread, max(spread, least) / math.sqrt(len(values)), len(values))


def leaders(column: Sequence[Estimate | None], *, lower_is_better: bool) -> set[int]:
    """Indices of the best entry and of those that cannot be told apart from it.

    That is a difference of at most LEAD combined standard errors, sqrt(e_1^2 + e_2^2); where either error is unknown,
    only equal values are. None stands for an entry that must not be ranked.
    """
    ranked = [(i, entry) for i, entry in enumerate(column) if entry is not None]
    if not ranked:
        return set()
    best = (min if lower_is_better else max)((entry for _, entry in ranked), key=lambda entry: entry.value)
    return {i for i, entry in ranked if abs(entry.value - best.value) <= _resolution(entry, best)}


def _resolution(one: Estimate, other: Estimate) -> float:
    if one.error is None or other.error is None:
        return 0.0
    return LEAD * math.hypot(one.error, other.error)
