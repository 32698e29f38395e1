"""Several processes at one run, as rooms that know nothing of launching see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from torch import Tensor

T = TypeVar("T")


class Ranks(Protocol):
    """The processes of one run. Rank 0 parses, stores, times and measures; the others train, draw and extract with it.

    Every method is called by all ranks, in the same order.
    """

    rank: int
    count: int

    def device(self, name: str) -> str:
        """The device that this process works on where a plan says `name`: of "cuda", a GPU of its own. Raises
        ValueError where there is none.
        """
        ...

    def broadcast(self, value: T) -> T:
        """Rank 0's value, on every rank; it must be picklable."""
        ...

    def gather(self, rows: Mapping[str, Tensor] | None) -> Sequence[Mapping[str, Tensor]]:
        """On rank 0, what each rank gave, in the order of ranks and without those that gave None; empty elsewhere.
        Tensors are on the CPU.
        """
        ...

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, in place, by its mean over the ranks: one exchange for all of them."""
        ...

    def wait(self) -> None:
        """Until every rank is here."""
        ...


class Alone:
    """One process."""

    rank = 0
    count = 1

    def device(self, name: str) -> str:
        """The device of this name."""
        return name

    def broadcast(self, value: T) -> T:
        """The value."""
        return value

    def gather(self, rows: Mapping[str, Tensor] | None) -> Sequence[Mapping[str, Tensor]]:
        """The rows."""
        return [] if rows is None else [rows]

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Nothing to do."""

    def wait(self) -> None:
        """Nobody to wait for."""
