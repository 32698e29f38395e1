"""The options of the metrics that have any."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class InceptionScoreOptions:
    """`splits` > 1 averages the score over that many splits in torch-fidelity's order, for parity with it."""

    splits: int = 1


@dataclass
class PRDCOptions:
    """`k`: a neighbourhood reaches to the k-th nearest other image of its own set (the papers use 3 and 5)."""

    k: int = 5
