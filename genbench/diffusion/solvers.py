"""Diffusion solvers: pure functions from a path and its times to a table, named after their papers' algorithms.

Notation: a step goes from (alpha, sigma) to (alpha', sigma'), both read off the path, with x0_hat predicted at the
former. The probability-flow ODE is integrated in s = sigma / alpha on x / alpha, where it reads
d(x / alpha) / ds = (x / alpha - x0_hat) / s whatever the path (Song et al. 2021, arXiv 2010.02502, eq. 14; Karras et
al. 2022, arXiv 2206.00364, eq. 1), so paths with the same log-SNRs give the same images.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genbench.diffusion.tables import Call, Row, Table

if TYPE_CHECKING:
    from genbench.interfaces.drawing import Schedule

Array = NDArray[np.float64]

X, X0, X_STAGE, X0_STAGE = range(4)


def ddim(schedule: Schedule, times: Array, eta: float = 0.0) -> Table:
    """DDIM (Song et al. 2021, arXiv 2010.02502, eq. 12 and 16): eta 0 is deterministic, eta 1 is DDPM's sampler."""
    points = _points(schedule, times)
    steps = [_ddim_step(here, there, eta) for here, there in pairwise(points)]
    return Table((_start(points[0]), *steps), slots=2)


def ancestral(schedule: Schedule, times: Array) -> Table:
    """DDPM (Ho et al. 2020, arXiv 2006.11239, algorithm 2) with the posterior variance of eq. 7: DDIM, eta 1."""
    return ddim(schedule, times, eta=1.0)


def euler(schedule: Schedule, times: Array) -> Table:
    """Euler's method on the probability-flow ODE in sigma / alpha: DDIM, eta 0 (arXiv 2010.02502, section 4.3)."""
    return ddim(schedule, times, eta=0.0)


def heun(schedule: Schedule, times: Array) -> Table:
    """Heun's second-order method (Karras et al. 2022, arXiv 2206.00364, algorithm 1): Euler, then the trapezoid rule
    with the slope found there. Two calls a step, one for a step that ends in data: 2 N - 1 in all.
    """
    points = _points(schedule, times)
    rows = [_start(points[0])]
    for here, there in pairwise(points):
        euler_step = _ddim_step(here, there, eta=0.0)
        if there.sigma == 0:
            rows.append(euler_step)
            continue
        rows.append(Row(here, X_STAGE, euler_step.weights, source=X, memory=X0))
        s, s_next = here.sigma / here.alpha, there.sigma / there.alpha
        half, half_next = (s_next - s) / (2 * s), (s_next - s) / (2 * s_next)
        weights = _weights(
            (X, there.alpha / here.alpha * (1 + half)),
            (X0, -there.alpha * half),
            (X_STAGE, half_next),
            (X0_STAGE, -there.alpha * half_next),
        )
        rows.append(Row(there, X, weights, source=X_STAGE, memory=X0_STAGE))
    return Table(tuple(rows), slots=4)


def _points(schedule: Schedule, times: Array) -> list[Call]:
    """The noise levels at the times; t = 0 is data whatever the lowest noise of the path."""
    alpha, sigma = schedule.alpha_sigma(times)
    return [
        Call(float(a), float(s), float(t)) if t > 0 else Call(1.0, 0.0, 0.0)
        for a, s, t in zip(alpha, sigma, times, strict=True)
    ]


def _start(point: Call) -> Row:
    """The initial state: noise of the first level's standard deviation."""
    return Row(None, X, (), noise=point.sigma)


def _ddim_step(here: Call, there: Call, eta: float) -> Row:
    ratio = here.alpha * there.sigma / (there.alpha * here.sigma)
    fresh = eta * there.sigma * sqrt((1 - ratio) * (1 + ratio))
    kept = sqrt((there.sigma - fresh) * (there.sigma + fresh))
    weights = _weights((X, kept / here.sigma), (X0, there.alpha - kept * here.alpha / here.sigma))
    return Row(here, X, weights, noise=fresh)


def _weights(*pairs: tuple[int, float]) -> tuple[tuple[int, float], ...]:
    return tuple(pair for pair in pairs if pair[1] != 0)
