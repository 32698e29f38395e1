"""The sweep's table for a paper: booktabs, no package besides it, text escaped for pdflatex."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genbench.reports.cells import EMPTY, Cell, Row, Section, Table
from genbench.reports.sweep import sweep_table
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep

SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "±": r"$\pm$",
    "√": r"$\surd$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "†": r"$^\dagger$",
    "*": r"$^*$",
    "–": "--",
    "…": r"\ldots{}",
}


class LatexFormat:
    """`genbench report --format latex`."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """The table in LaTeX."""
        return to_latex(sweep_table(records))


def to_latex(table: Table) -> str:
    r"""One `table` a section; a section's columns over its page's width can be put into \resizebox by hand."""
    parts = ["% needs \\usepackage{booktabs}", *map(_section, table.sections)]
    remarks = [f"{run.label}: {run.status}: {run.reason}" for run in table.unfinished] + list(table.notes)
    if remarks:
        items = "\n".join(f"  \\item {escaped(remark)}" for remark in remarks)
        parts.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that LaTeX sets as it is, on one line."""
    return "".join(SIGNS.get(sign, sign) for sign in " ".join(text.split()))


def _section(section: Section) -> str:
    firsts, seconds = zip(*section.headings, strict=True) if section.headings else ((), ())
    models = [row for row in section.rows if row.role != "reference"]
    references = [row for row in section.rows if row.role == "reference"]
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escaped(section.title)}}}",
        f"  \\begin{{tabular}}{{l{'r' * len(section.headings)}}}",
        r"    \toprule",
        _line(["", *map(escaped, firsts)]),
        _line(["", *map(escaped, seconds)]),
        r"    \midrule",
        *map(_row, models),
        *([r"    \midrule", *map(_row, references)] if references else []),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    return _line([escaped(" · ".join((row.label, *row.details))), *map(_cell, row.cells)])


def _cell(cell: Cell) -> str:
    number = escaped(cell.text).replace("-", "$-$") if cell != EMPTY else escaped(cell.text)
    text = f"\\textbf{{{number}}}" if cell.best else number
    return text + escaped(cell.marks) + (f" $\\pm$ {escaped(cell.spread)}" if cell.spread else "")


def _line(cells: Iterable[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"
