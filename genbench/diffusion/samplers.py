"""Diffusion samplers: each solver is one frozen dataclass, named after its paper's algorithm, that gives a table.

Notation: a step goes from (alpha, sigma) to (alpha', sigma'), both read off the path, with x0_hat predicted at the
former. The probability-flow ODE is integrated in s = sigma / alpha on x / alpha, where it reads
d(x / alpha) / ds = (x / alpha - x0_hat) / s whatever the path (Song et al. 2021, arXiv 2010.02502, eq. 14; Karras et
al. 2022, arXiv 2206.00364, eq. 1), so paths with the same log-SNRs give the same images.

Where a path ends in pure noise (alpha = 0, s infinite) the first step of every solver is DDIM's, which stays finite.
A sampler with an option of its own checks it in __post_init__, after the base's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from genbench.diffusion.tables import DATA, Level, Memory, Row, Table

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Array, Schedule


@dataclass(frozen=True)
class Solver(ABC):
    """What all have: a number of steps, the intervals of the grid. `table(...).nfe()` is the number of evaluations."""

    family: ClassVar[str] = "diffusion"

    steps: int = 18

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a diffusion sampler needs steps >= 1, not {self.steps}")

    @abstractmethod
    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times (strictly decreasing, from a Grid) on this path."""


@dataclass(frozen=True)
class DDIM(Solver):
    """DDIM (Song et al. 2021, arXiv 2010.02502, eq. 12 and 16): deterministic at eta 0, DDPM's noise at eta 1."""

    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ValueError(f"ddim needs eta between 0 (deterministic) and 1 (ancestral), not {self.eta}")

    def table(self, schedule: Schedule, times: Array) -> Table:
        """One call a step."""
        levels = _levels(schedule, times)
        rows = [_ddim(here, there, self.eta, draw) for draw, (here, there) in enumerate(pairwise(levels), start=1)]
        return Table((_start(levels[0]), *rows), slots=2)


@dataclass(frozen=True)
class Ancestral(Solver):
    """DDPM's sampler (Ho et al. 2020, arXiv 2006.11239, algorithm 2) with the posterior variance of eq. 7, the lower
    bound of learned variances; the upper one is that of q(x | x') (section 3.2).
    """

    def table(self, schedule: Schedule, times: Array) -> Table:
        """One call a step: DDIM's with eta 1."""
        levels = _levels(schedule, times)
        rows = [_start(levels[0])]
        for draw, (here, there) in enumerate(pairwise(levels), start=1):
            row = _ddim(here, there, 1.0, draw)
            carried = here.alpha * there.sigma / there.alpha
            high = (here.sigma - carried) * (here.sigma + carried)
            rows.append(replace(row, variance=(row.fresh**2, high)) if row.noise else row)
        return Table(tuple(rows), slots=2)


@dataclass(frozen=True)
class Euler(Solver):
    """Euler's method on the probability-flow ODE: first order."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        """One call a step: DDIM's with eta 0 (arXiv 2010.02502, section 4.3)."""
        levels = _levels(schedule, times)
        return Table((_start(levels[0]), *(_ddim(here, there) for here, there in pairwise(levels))), slots=2)


@dataclass(frozen=True)
class Heun(Solver):
    """Heun's method on the probability-flow ODE: second order (Karras et al. 2022, arXiv 2206.00364, algorithm 1)."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        """Euler, then the trapezoid rule with the slope found there: two calls a step, one for a step that ends in data
        or begins in pure noise, where the slope is infinite. 2 steps - 1 calls in all, where alpha(1) > 0.
        """
        levels = _levels(schedule, times)
        rows = [_start(levels[0])]
        x, x0, x_stage, x0_stage = range(4)
        for here, there in pairwise(levels):
            euler = _ddim(here, there)
            if here.alpha == 0 or there.sigma == 0:
                rows.append(euler)
                continue
            rows.append(replace(euler, target=x_stage))
            s, s_next = here.sigma / here.alpha, there.sigma / there.alpha
            half, half_next = (s_next - s) / (2 * s), (s_next - s) / (2 * s_next)
            weights = _weights(
                (x, there.alpha / here.alpha * (1 + half)),
                (x0, -there.alpha * half),
                (x_stage, half_next),
                (x0_stage, -there.alpha * half_next),
            )
            rows.append(Row(x, there, weights, call=there, source=x_stage, memories=(Memory(x0_stage),)))
        return Table(tuple(rows), slots=4)


def _levels(schedule: Schedule, times: Array) -> list[Level]:
    """The noise levels at the times; t = 0 is data whatever the lowest noise of the path."""
    alpha, sigma = schedule.alpha_sigma(times)
    return [Level(float(a), float(s), float(t)) if t > 0 else DATA for a, s, t in zip(alpha, sigma, times, strict=True)]


def _start(level: Level) -> Row:
    """The initial state in slot 0: noise of the first level's standard deviation."""
    return Row(0, level, noise=((0, level.sigma),))


def _ddim(here: Level, there: Level, eta: float = 0.0, draw: int = 1) -> Row:
    """DDIM's step on slot 0, with x0_hat in slot 1: the share of fresh noise in the target's sigma' grows with eta."""
    ratio = here.alpha * there.sigma / (there.alpha * here.sigma)
    fresh = eta * there.sigma * sqrt((1 - ratio) * (1 + ratio))
    kept = sqrt((there.sigma - fresh) * (there.sigma + fresh))
    weights = _weights((0, kept / here.sigma), (1, there.alpha - kept * here.alpha / here.sigma))
    return Row(0, there, weights, ((draw, fresh),) if fresh > 0 else (), call=here)


def _weights(*pairs: tuple[int, float]) -> tuple[tuple[int, float], ...]:
    """Without what weighs nothing."""
    return tuple(pair for pair in pairs if pair[1] != 0)
