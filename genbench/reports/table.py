"""The sweep's table for the eyes: in a terminal, or as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from genbench.reports.cells import Cell, Row, Section, Table
from genbench.reports.console import PLAIN_WIDTH, show
from genbench.reports.sweep import sweep_table
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep

LABEL_WIDTH = 24
GAP = 2


class TableFormat:
    """`genbench report --format table`, the default: plain text of 130 columns."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """What `print_table` prints where there is no terminal."""
        return to_text(sweep_table(records))


def print_table(sweep: Sweep, records: Sequence[RunRecord], file: TextIO | None = None) -> None:
    """Print the table of a sweep to a file (default: standard output), rows in the order of `records`.

    On a terminal it is as wide as that, and columns that do not fit follow below; elsewhere it is plain text of 130
    columns without colours.
    """
    table = sweep_table(records)
    show(lambda width: render(table, width), file)


def to_text(table: Table) -> str:
    """The table as plain text of 130 columns."""
    page = io.StringIO()
    show(lambda width: render(table, width), page)
    return page.getvalue()


def render(table: Table, width: int = PLAIN_WIDTH) -> Group:
    """The table for rich, at most `width` columns wide."""
    label_width = max((len(line) for s in table.sections for row in s.rows for line in _label_lines(row)), default=0)
    widths = {
        heading: max(_column_width(s, i) for s in table.sections for i, h in enumerate(s.headings) if h == heading)
        for s in table.sections
        for heading in s.headings
    }
    parts: list[RenderableType] = []
    for section in table.sections:
        parts.append(Text(f"\n{section.title}", style="bold"))
        room = width - label_width
        for columns in _chunks([widths[heading] + GAP for heading in section.headings], room):
            parts.append(_section(section, columns, label_width, widths))
    if table.unfinished:
        parts += [Text("\nruns without numbers", style="bold"), _unfinished(table)]
    parts.append(Text())
    parts += [Text(note, style="dim") for note in table.notes]
    return Group(*parts)


def _section(
    section: Section, columns: Sequence[int], label_width: int, widths: dict[tuple[str, str], int]
) -> RichTable:
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, GAP - 1))
    shown.add_column("", min_width=label_width, no_wrap=True)
    for i in columns:
        heading = section.headings[i]
        shown.add_column(Text("\n".join(heading)), justify="right", min_width=widths[heading], no_wrap=True)
    slots = [max(len(row.cells[i].marks) for row in section.rows) for i in columns]
    for row, after in zip(section.rows, [*section.rows[1:], None], strict=True):
        cells = [_cell(row.cells[i], slot) for i, slot in zip(columns, slots, strict=True)]
        shown.add_row(
            _label(row),
            *cells,
            style=None if row.role == "model" else "dim",
            end_section=after is not None and after.role == "reference" != row.role,
        )
    return shown


def _cell(cell: Cell, slot: int) -> Text:
    """Number over spread, digits in line: marks stand in `slot` columns of their own."""
    text = Text(cell.text, style="bold green" if cell.best else "").append(cell.marks.ljust(slot))
    return text.append(f"\n± {cell.spread}{' ' * slot}", style="dim not bold") if cell.spread else text


def _label(row: Row) -> Text:
    first, *details = _label_lines(row)
    return Text(first, style="bold" if row.role == "model" else "").append(
        "".join(f"\n{line}" for line in details), "dim not bold"
    )


def _label_lines(row: Row) -> list[str]:
    """The model, then what distinguishes the run, a few choices a line."""
    lines: list[str] = []
    for detail in row.details:
        if lines and len(lines[-1]) + len(detail) + 3 <= LABEL_WIDTH:
            lines[-1] += f" · {detail}"
        else:
            lines.append(detail)
    return [row.label, *lines]


def _column_width(section: Section, i: int) -> int:
    cells = [row.cells[i] for row in section.rows]
    slot = max(len(cell.marks) for cell in cells)
    lengths = [max(len(cell.text), len(f"± {cell.spread}") if cell.spread else 0) + slot for cell in cells]
    return max(*map(len, section.headings[i]), *lengths)


def _chunks(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Indices of as many columns as fit into the room, again and again; at least one."""
    chunk: list[int] = []
    used = 0
    for i, width in enumerate(widths):
        if chunk and used + width > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(i)
        used += width
    if chunk:
        yield chunk


def _unfinished(table: Table) -> RichTable:
    shown = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    for run in table.unfinished:
        shown.add_row(Text(run.label, style="bold"), Text(run.status, style="red"), Text(run.reason))
    return shown
