"""Which noise levels a diffusion model is trained at."""

from __future__ import annotations

from enum import Enum
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Array, Schedule

LOG_SIGMA = NormalDist(-1.2, 1.2)  # EDM (Karras et al. 2022, arXiv 2206.00364), Table 1: P_mean and P_std


class NoiseLevels(Enum):
    """Uniform in t (DDPM), or lognormal: ln(sigma / alpha) normal with mean -1.2 and standard deviation 1.2 (EDM)."""

    uniform = "uniform"
    lognormal = "lognormal"

    def times(self, schedule: Schedule, quantiles: Array) -> Array:
        """Times at these quantiles (in [0, 1)) of the distribution of noise levels, in [0, 1]."""
        if self is NoiseLevels.uniform:
            return 1 - quantiles
        inside = np.clip(quantiles, 1e-12, 1 - 1e-12)
        return schedule.t_at(np.array([-2 * LOG_SIGMA.inv_cdf(quantile) for quantile in inside]))
