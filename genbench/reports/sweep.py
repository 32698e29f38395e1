"""The table of a sweep: quality at full n with the noise ceiling, at the held-out size with the floor, and cost.

Rows are ranked against each other only where that is fair: same data, same n, same extractor, same estimand, same
machine, both at full budgets, neither timed in a crowd.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from genbench.reports.cells import EMPTY, Cell, Row, Section, Table, Unfinished
from genbench.reports.columns import Column, Reading, cost_columns, describe, score_columns, shown_scores
from genbench.reports.labels import labels
from genbench.statistics.replicates import Estimate, by_family, combine, leaders
from genbench.store.records import RunRecord, Status

FLOOR = ("real, held out", "the floor")
CEILING = ("uniform noise", "the ceiling")

ONE_RUN = "± of one run: a score's standard error (another training may move it more), a clock's spread over rounds"
SEEDS = "± of several seeds: standard deviation over the seeds, around their mean (of what they share, its own)"
UNKNOWN = "no ±: no standard error is known (of a score, result.json says why)"
BEST = "* best of its column, and what is not told apart from it (2 combined standard errors, where both are known)"
QUICK = "† toy budgets (quick): these numbers mean nothing and are not ranked"
CONTENDED = "~ timed while other processes kept the machine busy: not ranked"
REUSED = "° from the store: measured or paid for by an earlier run"
VENDI = "Vendi: effective number of distinct images; not ranked, for noise has more of them than real images have"
FRECHET = "FD(x) is the Fréchet distance between features of x; only on Inception-v3's is it called FID"


@dataclass(frozen=True)
class Family:
    """The finished runs that differ in nothing but their seeds, and their name in the table."""

    name: tuple[str, ...]
    runs: tuple[RunRecord, ...]


def sweep_table(records: Iterable[RunRecord]) -> Table:
    """The table of these runs: replicates become one row, runs without numbers are listed with their reason."""
    families: list[Family] = []
    unfinished: list[Unfinished] = []
    grouped = by_family(records)
    for name, runs in zip(labels(grouped), grouped, strict=True):
        done = tuple(run for run in runs if run.status is Status.DONE)
        if done:
            families.append(Family(name, done))
        for run in runs:
            if run.status is not Status.DONE:
                seed = (f"seed {run.provenance.seeds.get('training', 0)}",) if len(runs) > 1 else ()
                unfinished.append(Unfinished(" · ".join((*name, *seed)), run.status.value, run.reason or ""))
    keys, hidden = shown_scores(_runs(families))
    sections = [
        *(_at_full_n(group, keys) for group in _split(families, lambda run: (_data(run), _n(run)))),
        *(
            _at_floor(group, keys)
            for group in _split(families, lambda run: (_data(run), _floor_n(run)))
            if any(map(_has_own_floor, _runs(group)))
        ),
        *(_cost(group) for group in _split(families, _machine)),
    ]
    return Table(tuple(sections), tuple(unfinished), _notes(sections, families, hidden))


def _at_full_n(families: Sequence[Family], keys: Sequence[str]) -> Section:
    runs = _runs(families)
    data, n = runs[0].dataset, _n(runs[0])
    columns = score_columns(keys, runs, lambda run: run.metrics)
    references = [(CEILING, "noise"), *([(FLOOR, "held_out")] if _floor_n(runs[0]) == n else [])]
    against = f"the {data.splits.get(data.reference_split, 0):,} images of '{data.reference_split}'" if data else ""
    title = f"{_named(runs[0])} · {n:,} generated images against {against}"
    return _section(title, columns, families, [_reference(*reference, keys, columns, runs) for reference in references])


def _at_floor(families: Sequence[Family], keys: Sequence[str]) -> Section:
    runs = _runs(families)
    n = _floor_n(runs[0])
    columns = score_columns(keys, runs, lambda run: run.metrics_at_floor)
    title = f"{_named(runs[0])} · at n = {n:,}, comparable with {n:,} real held-out images"
    return _section(title, columns, families, [_reference(FLOOR, "held_out", keys, columns, runs)])


def _cost(families: Sequence[Family]) -> Section:
    clock = families[0].runs[0].sampling
    assert clock is not None  # a done run has one
    threads = f"{clock.threads} thread{'s' if clock.threads > 1 else ''}"
    title = f"{_named(families[0].runs[0])} · cost on {clock.device}, {threads}, {clock.dtype}"
    return _section(title, cost_columns(_runs(families)), families, [])


def _section(title: str, columns: Sequence[Column], families: Sequence[Family], references: Sequence[Row]) -> Section:
    cells = [_cells(column, families) for column in columns]
    rows = [_row(family, tuple(column[i] for column in cells)) for i, family in enumerate(families)]
    return Section(title, tuple(column.heading for column in columns), (*rows, *references))


def _cells(column: Column, families: Sequence[Family]) -> list[Cell]:
    """One column, with its leaders marked where ranking is fair and there is something to rank."""
    readings = [[reading for run in family.runs if (reading := column.read(run))] for family in families]
    estimates = [_estimate(found) for found in readings]
    fair = [
        None if family.runs[0].quick or any(reading.contended for reading in found) else estimate
        for family, found, estimate in zip(families, readings, estimates, strict=True)
    ]
    protocols = {reading.protocol for found in readings for reading in found}
    ranked = column.direction and len(protocols) == 1 and sum(estimate is not None for estimate in fair) > 1
    best = leaders(fair, lower_is_better=column.direction == "lower") if ranked else set()
    best = set() if len(best) == sum(estimate is not None for estimate in fair) else best  # nobody leads
    return [
        _cell(column, found, estimate, i in best)
        for i, (found, estimate) in enumerate(zip(readings, estimates, strict=True))
    ]


def _estimate(readings: Sequence[Reading]) -> Estimate | None:
    """Replicates that share a measurement (one model drawn from with three seeds has one training time) count once."""
    own = list({reading.source: reading for reading in readings}.values())
    return combine([reading.value for reading in own], [reading.error for reading in own]) if own else None


def _cell(column: Column, readings: Sequence[Reading], estimate: Estimate | None, best: bool) -> Cell:
    if estimate is None:
        return EMPTY
    text, spread = column.write(estimate)
    crowd = "~" if any(reading.contended for reading in readings) else ""
    reused = "°" if any(reading.reused for reading in readings) else ""
    return Cell(crowd + text, spread, best, ("*" if best else "") + reused)


def _row(family: Family, cells: tuple[Cell, ...]) -> Row:
    model, *choices = family.name
    seeds = [f"{len(family.runs)} seeds"] if len(family.runs) > 1 else []
    return Row(model + (" †" if family.runs[0].quick else ""), (*choices, *seeds), cells)


def _reference(
    name: tuple[str, str], reference: str, keys: Sequence[str], columns: Sequence[Column], runs: Sequence[RunRecord]
) -> Row:
    """Real images or noise under the same columns; the runs share them, so the first that has a score speaks."""
    own = {c.heading: c for c in score_columns(keys, runs, lambda run: run.references.get(reference, {}))}
    cells = []
    for column in columns:
        reader = own.get(column.heading)
        found = [reading for run in runs if reader and (reading := reader.read(run))]
        cells.append(_cell(column, found[:1], _estimate(found[:1]), best=False))
    return Row(name[0], name[1:], tuple(cells), reference=True)


def _notes(sections: Sequence[Section], families: Sequence[Family], hidden: Sequence[str]) -> tuple[str, ...]:
    headed = [
        (heading, cell)
        for section in sections
        for row in section.rows
        for heading, cell in zip(section.headings, row.cells, strict=True)
    ]
    notes = {
        ONE_RUN: any(len(family.runs) == 1 for family in families) and any(cell.spread for _, cell in headed),
        SEEDS: any(len(family.runs) > 1 for family in families),
        UNKNOWN: any(cell is not EMPTY and not cell.spread for (_, way), cell in headed if way.endswith(("↓", "↑"))),
        BEST: any(cell.best for _, cell in headed),
        QUICK: any(family.runs[0].quick for family in families),
        CONTENDED: any("~" in cell.text for _, cell in headed),
        REUSED: any("°" in cell.marks for _, cell in headed),
        VENDI: any(first == "Vendi" for (first, _), _ in headed),
        FRECHET: any(first.startswith("FD(") for (first, _), _ in headed),
        f"not shown, but in each run's result.json: {', '.join(map(describe, hidden))}": bool(hidden),
    }
    return tuple(note for note, applies in notes.items() if applies)


def _split(families: Sequence[Family], key: Callable[[RunRecord], Hashable]) -> list[list[Family]]:
    """Families that may be compared, in the order of their first; toy budgets never with full ones."""
    groups: dict[Hashable, list[Family]] = {}
    for family in families:
        run = family.runs[0]
        groups.setdefault((run.quick, key(run)), []).append(family)
    return list(groups.values())


def _runs(families: Iterable[Family]) -> list[RunRecord]:
    return [run for family in families for run in family.runs]


def _data(run: RunRecord) -> Hashable:
    return run.dataset and (run.dataset.fingerprint, run.dataset.reference_split)


def _machine(run: RunRecord) -> Hashable:
    clock = run.sampling
    return clock and (_data(run), clock.device, clock.threads, clock.dtype)


def _n(run: RunRecord) -> int:
    return run.sampling.num_samples if run.sampling else 0


def _floor_n(run: RunRecord) -> int:
    return max((score.n for score in run.metrics_at_floor.values()), default=0)


def _has_own_floor(run: RunRecord) -> bool:
    """Whether scoring at the held-out size says anything that the scores at full n do not."""
    return 0 < _floor_n(run) < _n(run)


def _named(run: RunRecord) -> str:
    return run.dataset.name if run.dataset else "?"
