"""Time grids: which times a diffusion sampler visits, from pure noise (t = 1) to data (t = 0).

A grid of N steps has N + 1 strictly decreasing times: N at which the network may be called, and t = 0, where the last
step returns the prediction of x_0. Noise levels are sigma / alpha (EDM's sigma), so every grid fits every path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from genbench.interfaces.drawing import Schedule

Array = NDArray[np.float64]

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
        highest, lowest = _noise_range(schedule)
        return _times(schedule, np.linspace(-2 * np.log(highest), -2 * np.log(lowest), steps))


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
        highest, lowest = _noise_range(schedule)
        roots = np.linspace(highest ** (1 / self.rho), lowest ** (1 / self.rho), steps)
        return _times(schedule, -2 * self.rho * np.log(roots))


def _noise_range(schedule: Schedule) -> tuple[float, float]:
    """The highest and the lowest positive sigma / alpha of a path."""
    alpha, sigma = schedule.alpha_sigma(np.array([1.0, FIRST_STEP, 0.0]))
    highest, first, end = (float(level) for level in sigma / alpha)
    return highest, end if end > 0 else first


def _times(schedule: Schedule, log_snr: Array) -> Array:
    times = np.maximum(schedule.t_at(log_snr), ABOVE_ZERO)
    times[0] = 1.0
    return np.append(times, 0.0)
