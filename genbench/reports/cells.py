"""A table as values, before anyone decides how it looks; and numbers as text, digits no finer than their error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FINEST = 4  # decimals that a column holds; smaller errors keep one significant digit, and then go to powers of ten


@dataclass(frozen=True)
class Cell:
    """A number as text, what stands after its ±, and marks that a note explains. `best` is set for everything that
    cannot be told apart from the best of the column.
    """

    text: str
    spread: str = ""
    best: bool = False
    marks: str = ""


Role = Literal["model", "extra", "reference"]
"""A row is of the images that are compared, of further images (reconstructions, a baseline), or of real images and
noise. Only the first are ranked.
"""


@dataclass(frozen=True)
class Row:
    """What was measured, and what tells its runs apart."""

    label: str
    details: tuple[str, ...]
    cells: tuple[Cell, ...]
    role: Role = "model"


@dataclass(frozen=True)
class Section:
    """Rows that may be compared with each other. A heading is two lines: what, and of what or which way is better."""

    title: str
    headings: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Unfinished:
    """A run without numbers, and why."""

    label: str
    status: str
    reason: str


@dataclass(frozen=True)
class Table:
    """Everything that is shown of a sweep. `notes` explain marks and say what is left out."""

    sections: tuple[Section, ...]
    unfinished: tuple[Unfinished, ...]
    notes: tuple[str, ...]


EMPTY = Cell("–")


def number(value: float, spread: float | None) -> tuple[str, str]:
    """A value and its spread as text ("" if unknown), both rounded at the spread's second significant digit.

    >>> number(0.71234, 0.0131)
    ('0.712', '0.013')
    """
    if not spread:
        return significant(value), "" if spread is None else "0"
    decimals = 1 - _exponent(spread)
    if decimals > FINEST:
        decimals -= 1
    if decimals > FINEST + 1 or max(abs(value), spread) >= 1e7:
        return f"{value:.1e}", f"{spread:.0e}"
    decimals = max(0, decimals)
    return f"{value:,.{decimals}f}", f"{spread:,.{decimals}f}"


def significant(value: float, digits: int = 3) -> str:
    """A value of unknown error: whole numbers whole, others with so many significant digits."""
    if value == 0 or (value == round(value) and abs(value) < 1e7):
        return f"{value:,.0f}"
    decimals = digits - 1 - _exponent(value)
    return f"{value:.{digits - 1}e}" if decimals > 6 or abs(value) >= 1e7 else f"{value:,.{max(0, decimals)}f}"


def scaled(value: float) -> str:
    """A count with a decimal prefix: 1,234,567 is 1.23 M."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * factor:
            return f"{significant(value / factor)} {prefix}"
    return significant(value)


def _exponent(value: float) -> int:
    """The power of ten of the first digit, as it is once rounded to two digits."""
    return int(f"{abs(value):.1e}".partition("e")[2])
