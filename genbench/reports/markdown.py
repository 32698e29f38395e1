"""The sweep's table for a README: one Markdown table a section, the best in bold, notes as a list."""

from __future__ import annotations

from collections.abc import Sequence

from genbench.reports.cells import Cell, Table
from genbench.reports.sweep import sweep_table
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep


class MarkdownFormat:
    """`genbench report --format markdown`."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """The table in Markdown."""
        return to_markdown(sweep_table(records))


def to_markdown(table: Table) -> str:
    """The table for a README: one Markdown table per section, the best in bold, notes as a list."""
    lines: list[str] = []
    for section in table.sections:
        headings = ["", *(" ".join(filter(None, heading)) for heading in section.headings)]
        lines += [
            f"**{section.title}**",
            "",
            _row(headings),
            _row(["---", *["---:"] * len(section.headings)]),
        ]
        lines += [_row([" · ".join((row.label, *row.details)), *map(_cell, row.cells)]) for row in section.rows]
        lines.append("")
    lines += [f"- {run.label}: {run.status}: {_escaped(run.reason)}" for run in table.unfinished]
    lines += [f"- {_escaped(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = f"**{_escaped(cell.text)}**" if cell.best else _escaped(cell.text)
    return text + _escaped(cell.marks) + (f" ± {cell.spread}" if cell.spread else "")


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate({ord(sign): f"\\{sign}" for sign in "*~_<"})
