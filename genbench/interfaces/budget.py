"""Training budgets, in the one form that options, presets and the command line share. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["steps", "images"]


@dataclass(frozen=True)
class Budget:
    """How long something is trained: optimisation steps, or training images seen. Written "steps:700"."""

    unit: Unit
    amount: int

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit) or self.amount < 1:
            raise ValueError(f"a budget is steps:N or images:N with N at least 1, not {self.unit}:{self.amount}")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """The budget that is written so. Raises ValueError with the right form."""
        unit, _, amount = text.partition(":")
        if unit not in get_args(Unit) or not amount.isdecimal():
            raise ValueError(f"a budget is steps:N or images:N, such as steps:700, not '{text}'")
        return cls(unit, int(amount))  # type: ignore[arg-type]

    def steps(self, batch_size: int) -> int:
        """Steps of `batch_size` images that use up the budget; the last one may go beyond it."""
        return self.amount if self.unit == "steps" else -(-self.amount // batch_size)

    def __str__(self) -> str:
        return f"{self.unit}:{self.amount}"
