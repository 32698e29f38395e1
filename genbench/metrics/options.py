"""The options of the metrics that have any. A value that cannot be meant raises ValueError, before any work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InceptionScoreOptions:
    """`splits` > 1 averages the score over that many splits in torch-fidelity's order, for parity with it."""

    splits: int = 1

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise ValueError(f"splits must be at least 1, not {self.splits}")


@dataclass(frozen=True)
class KernelDistanceOptions:
    """`reference_limit`: of a larger reference only the first so many images are used; 0 uses all of them.

    The time grows with the square of this number. The splits of a dataset are in random order.
    """

    reference_limit: int = 10_000

    def __post_init__(self) -> None:
        _check_limit(self.reference_limit, at_least=2)


@dataclass(frozen=True)
class PRDCOptions:
    """`k`: a neighbourhood reaches to the k-th nearest other image of its own set (the papers use 3 and 5).

    `reference_limit`: as for the kernel distance.
    """

    k: int = 5
    reference_limit: int = 10_000

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        _check_limit(self.reference_limit, at_least=self.k + 1)


def _check_limit(limit: int, at_least: int) -> None:
    if limit != 0 and limit < at_least:
        raise ValueError(f"reference_limit must be at least {at_least}, or 0 to use every reference image, not {limit}")
