"""One number and how sure we are. Imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Direction(Enum):
    """Which way is better."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Measurement:
    """A number and how sure we are. Without a standard error there is a reason; `estimand` says what it estimates."""

    value: float
    standard_error: float | None
    estimand: str
    n: int
    direction: Direction
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.standard_error is None and not self.reason:
            raise ValueError("a measurement without a standard error must say why (reason=...)")
