"""The table of a sweep: quality, on all images and on as many as are held out, and cost.

Rows are ranked against each other only where that is fair: same reference, same n, equal protocol, both at full
budgets, neither timed in a crowd.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from genbench.reports.cells import EMPTY, Cell, Row, Section, Table, Unfinished
from genbench.reports.columns import Column, cost_columns, measure_infos, score_columns, shown_scores
from genbench.reports.labels import labels
from genbench.reports.lines import Block, Family, Line, cost_lines, quality_lines
from genbench.reports.notes import BEST, EARLIER, SIGNS, notes
from genbench.reports.ranking import best, pool
from genbench.statistics.replicates import by_family
from genbench.store.records import GENERATED, HELD_OUT, RunRecord, Status


def sweep_table(records: Iterable[RunRecord]) -> Table:
    """The table of these runs: replicates become one row, runs without numbers are listed with their reason.

    Rows stand in the order of the records.
    """
    families: list[Family] = []
    unfinished: list[Unfinished] = []
    grouped = by_family(records)
    for name, runs in zip(labels(grouped), grouped, strict=True):
        done = tuple(run for run in runs if run.status == Status.DONE)
        if done:
            families.append(Family(name, done))
        unfinished += [_unfinished(run, name, len(runs)) for run in runs if run.status != Status.DONE]
    shown, hidden = shown_scores([run for family in families for run in family.runs])
    blocks = [*_quality(families, shown), *_cost(families)]
    sections = tuple(_section(block) for block in blocks)
    return Table(sections, tuple(unfinished), notes(blocks, sections, families, hidden))


def _unfinished(run: RunRecord, name: tuple[str, ...], count: int) -> Unfinished:
    """Of several replicates the seed says which."""
    seeds = run.provenance.seeds
    seed = (f"seed {seeds['training']}",) if count > 1 and "training" in seeds else ()
    return Unfinished(" · ".join((*name, *seed)), str(run.status), run.reason or "")


def _quality(families: Sequence[Family], keys: Sequence[str]) -> list[Block]:
    """Sections that show all images of a model before those that show some, each in the order of its first line."""
    infos = measure_infos(run for family in families for run in family.runs)
    blocks = []
    for lines in _by_section(quality_lines(families)):
        present = {key for line in lines for member in line.members for key in member.measurements}
        columns = score_columns([key for key in keys if key in present], infos)
        if columns:
            blocks.append(Block(_quality_title(lines), columns, lines))
    return sorted(blocks, key=lambda block: not any(_is_of(line, GENERATED) for line in block.lines))


def _cost(families: Sequence[Family]) -> list[Block]:
    infos = measure_infos(run for family in families for run in family.runs)
    blocks = []
    for lines in _by_section(cost_lines(families)):
        if columns := cost_columns([member.record for line in lines for member in line.members], infos):
            blocks.append(Block(_cost_title(lines), columns, lines))
    return blocks


def _by_section(lines: Iterable[Line]) -> list[list[Line]]:
    sections: dict[Hashable, list[Line]] = {}
    for line in lines:
        sections.setdefault(line.section, []).append(line)
    return list(sections.values())


def _quality_title(lines: Sequence[Line]) -> str:
    reference, n = lines[0].first.reference, lines[0].n
    if any(_is_of(line, GENERATED) for line in lines):
        against = f", against the {reference.count:,} images of '{reference.name}'" if reference else ""
        return f"{_data(lines)} · n = {n:,}{against}"
    held_out = any(_is_of(line, HELD_OUT) for line in lines)
    return f"{_data(lines)} · n = {n:,}{', as many as there are real held-out images' if held_out else ''}"


def _cost_title(lines: Sequence[Line]) -> str:
    timing = lines[0].first.timing
    if timing is None:
        return f"{_data(lines)} · cost"
    threads = f"{timing.threads} thread{'' if timing.threads == 1 else 's'}"
    return f"{_data(lines)} · cost on {timing.device}, {threads}, {timing.dtype}"


def _data(lines: Iterable[Line]) -> str:
    """What real images the lines are of: the first that knows a name says it."""
    datasets = (line.first.dataset for line in lines)
    return next((dataset.name for dataset in datasets if dataset), "images")


def _is_of(line: Line, row: str) -> bool:
    return line.members[0].row == row


def _section(block: Block) -> Section:
    cells = [_cells(column, block.lines) for column in block.columns]
    rows = [_row(line, tuple(column[i] for column in cells)) for i, line in enumerate(block.lines)]
    return Section(block.title, tuple(column.heading for column in block.columns), tuple(rows))


def _cells(column: Column, lines: Sequence[Line]) -> list[Cell]:
    lead = best(column, lines)
    return [_cell(column, line, i in lead) for i, line in enumerate(lines)]


def _cell(column: Column, line: Line, leads: bool) -> Cell:
    measurements = column.read(line.members)
    estimate = pool(measurements)
    if estimate is None:
        return EMPTY
    text, spread = column.write(estimate)
    marks = {mark for measurement in measurements for mark in measurement.marks}
    before = "".join(SIGNS[mark] for mark in ("contended", "bound") if mark in marks)
    toy = SIGNS["quick"] if "quick" in marks and not line.quick else ""
    earlier = EARLIER if any(column.earlier(member.record) for member in line.members) else ""
    return Cell(before + text, spread, leads, (BEST if leads else "") + toy + earlier)


def _row(line: Line, cells: tuple[Cell, ...]) -> Row:
    label, *details = line.name
    seeds = [f"{len(line.members)} seeds"] if line.role == "model" and len(line.members) > 1 else []
    toy = f" {SIGNS['quick']}" if line.quick and line.role == "model" else ""
    return Row(label + toy, (*details, *seeds), cells, line.role)
