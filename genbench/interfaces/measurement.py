"""One number, how sure we are of it, and what it is a measurement of. Imports neither torch nor numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["lower", "higher"]
"""Which way is better."""
Kind = Literal["fidelity", "diversity", "both", "alignment", "memorisation", "cost", "likelihood"]
"""What a number is about."""
Json = None | bool | int | float | str | tuple["Json", ...]
"""A value of a protocol."""

MARKS: Mapping[str, str] = {
    "contended": "timed while other processes kept the machine busy",
    "bound": "an upper bound of what it estimates",
    "quick": "toy budgets: the number means nothing",
}
"""Every mark that a measurement may carry, and what it says of it."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number: of a metric, of the clock, of training.

    `value` is None where it could not be measured, and `reason` then says why; a value without a standard error has a
    reason too. `standard_error` is over draws of both sets; `standard_error_given_reference` over draws of the
    generated one alone. `interval` is (low, high, level), for shares near 0 and 1. `estimand` says in words what is
    estimated, from `n` images or repetitions, in `unit` ("" for a pure number). `group` is (column, value) where the
    number is of one group only. `protocol` holds by name all that the number depends on besides the generated images:
    only numbers of equal protocols are ranked against each other. `marks` are names of MARKS.
    """

    value: float | None
    estimand: str
    n: int
    standard_error: float | None = None
    standard_error_given_reference: float | None = None
    interval: tuple[float, float, float] | None = None
    reason: str | None = None
    unit: str = ""
    direction: Direction | None = None
    group: tuple[str, str] | None = None
    protocol: Mapping[str, Json] = field(default_factory=dict)
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a measurement's value must be a finite number or None with a reason, not {self.value}")
        for name in ("standard_error", "standard_error_given_reference"):
            error = getattr(self, name)
            if error is not None and not (math.isfinite(error) and error >= 0):
                raise ValueError(f"a {name.replace('_', ' ')} must be a finite number >= 0 or None, not {error}")
        if (self.value is None or self.standard_error is None) and not self.reason:
            raise ValueError("a measurement without a value or a standard error must say why (reason=...)")
        if unknown := [mark for mark in self.marks if mark not in MARKS]:
            raise ValueError(f"'{unknown[0]}' is no mark; there are {', '.join(MARKS)}")


@dataclass(frozen=True, kw_only=True)
class MeasureInfo:
    """What a metric measures, known before it is: `heading` stands over its column, `ranks` says whether more or less
    of it is better at all, `direction` which way.
    """

    name: str
    heading: str
    kind: Kind
    direction: Direction | None = None
    ranks: bool = True
    unit: str = ""

    def __post_init__(self) -> None:
        if self.ranks and self.direction is None:
            raise ValueError(f"measure '{self.name}' ranks, so it needs a direction ('lower' or 'higher')")


EXACT = "an exact count"
"""The reason why a count has no standard error."""
