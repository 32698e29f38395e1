"""The options of the metrics that have any."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class InceptionScoreOptions:
    """`splits` > 1 averages the score over that many splits in torch-fidelity's order, for parity with it."""

    splits: int = 1


@dataclass
class KernelDistanceOptions:
    """`reference_limit`: of a larger reference only the first so many images are used; 0 uses all of them.

    The time grows with the square of this number. The splits of a dataset are in random order.
    """

    reference_limit: int = 10_000


@dataclass
class PRDCOptions:
    """`k`: a neighbourhood reaches to the k-th nearest other image of its own set (the papers use 3 and 5).

    `reference_limit`: as for the kernel distance.
    """

    k: int = 5
    reference_limit: int = 10_000
