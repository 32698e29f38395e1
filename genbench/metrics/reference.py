"""What a metric computes on the reference alone: once, however many sets are measured against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class ReferencePart(Generic[T]):
    """`compute` of the reference's features [r, d], remembered for the last reference that was given.

    A reference is known by identity, and held so that it stays so: one that is changed in place is not noticed.
    """

    def __init__(self, compute: Callable[[Tensor], T]) -> None:
        self.compute = compute
        self._last: tuple[Tensor, T] | None = None

    def __call__(self, reference: Tensor) -> T:
        """The part of this reference."""
        if self._last is None or self._last[0] is not reference:
            self._last = None  # frees the old part before the new one is made
            self._last = reference, self.compute(reference)
        return self._last[1]
