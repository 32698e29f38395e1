"""What a metric computes on the reference images alone: once, however many sets are measured against them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

from genbench.interfaces.measuring import Features

T = TypeVar("T")


class ReferencePart(Generic[T]):
    """`compute` of the first `limit` reference images (0: of all), as float64 features [r, d].

    The answer is remembered for the last reference given, which is known by identity, and held so that it stays so:
    features that are changed in place are not noticed.
    """

    def __init__(self, limit: int, compute: Callable[[Tensor], T]) -> None:
        self.limit, self.compute = limit, compute
        self._last: tuple[Features, T] | None = None

    def __call__(self, reference: Features) -> T:
        """The part of this reference."""
        if self._last is None or self._last[0] is not reference:
            self._last = None  # frees the old part before the new one is made
            self._last = reference, self.compute(reference.features[: self.limit or None].double())
        return self._last[1]
