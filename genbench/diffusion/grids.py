"""Time grids: which times a diffusion sampler visits, from pure noise (t = 1) to data (t = 0).

A grid of N steps has N + 1 strictly decreasing times: N at which the network may be called, and t = 0, where the last
step returns the prediction of x_0. Noise levels are sigma / alpha (EDM's sigma), so every grid fits every path. On one
that ends at alpha(1) = 0, where the noise level is infinite, grids that space noise levels begin at t = 1 as well, and
space the other times from the level at t = 0.999 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Array, Schedule

LAST_FINITE = 0.999  # the last but one of the usual thousand training steps, where the last one is pure noise
FIRST_STEP = 1e-3  # the lowest noise of a path that reaches data: the first of the usual thousand training steps
ABOVE_ZERO = float(np.nextafter(0, 1))  # just short of data, on a path whose own lowest noise lies at t = 0


@dataclass(frozen=True)
class UniformTime:
    """Equal steps in t. On a discrete path of T steps with T a multiple of N this is "trailing" spacing (Lin et al.
    2023, arXiv 2305.08891, Table 2): it starts from pure noise, which "leading" spacing does not.
    """

    def times(self, schedule: Schedule, steps: int) -> Array:
        """steps + 1 strictly decreasing times, 1 first and 0 last."""
        return np.linspace(1, 0, steps + 1)


@dataclass(frozen=True)
class UniformLogSNR:
    """Equal steps in log-SNR down to the lowest noise, then data: the time steps of DPM-Solver (Lu et al. 2022, arXiv
    2206.00927, section 3.4).
    """

    def times(self, schedule: Schedule, steps: int) -> Array:
        """steps + 1 strictly decreasing times, 1 first and 0 last."""
        highest, lowest, count = _noise_range(schedule, steps)
        return _times(schedule, steps, np.linspace(-2 * np.log(highest), -2 * np.log(lowest), count))


@dataclass(frozen=True)
class Karras:
    """Equal steps in (sigma / alpha)^(1 / rho) down to the lowest noise, then data: EDM (Karras et al. 2022, arXiv
    2206.00364, eq. 5).
    """

    rho: float = 7.0

    def __post_init__(self) -> None:
        if self.rho <= 0:
            raise ValueError(f"karras needs rho > 0 (the paper uses 7), not {self.rho}")

    def times(self, schedule: Schedule, steps: int) -> Array:
        """steps + 1 strictly decreasing times, 1 first and 0 last."""
        highest, lowest, count = _noise_range(schedule, steps)
        roots = np.linspace(highest ** (1 / self.rho), lowest ** (1 / self.rho), count)
        return _times(schedule, steps, -2 * self.rho * np.log(roots))


def _noise_range(schedule: Schedule, steps: int) -> tuple[float, float, int]:
    """The highest and the lowest positive, finite sigma / alpha to be spaced, and over how many times."""
    alpha, sigma = schedule.alpha_sigma(np.array([1.0, LAST_FINITE, FIRST_STEP, 0.0]))
    with np.errstate(divide="ignore"):
        end, last, first, lowest = (float(level) for level in sigma / alpha)
    if lowest == 0:
        lowest = first
    return (end, lowest, steps) if np.isfinite(end) else (last, lowest, steps - 1)


def _times(schedule: Schedule, steps: int, log_snr: Array) -> Array:
    """These levels, preceded by t = 1 (exactly) and followed by t = 0."""
    times = np.maximum(schedule.t_at(log_snr), ABOVE_ZERO)
    return np.concatenate([[1.0], times[len(times) - steps + 1 :], [0.0]])
