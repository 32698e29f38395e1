"""Guidance: how the predictions of a strong and a weak network are combined, by noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NoGuidance:
    """The network's own prediction, one evaluation per call."""

    def scale_at(self, log_snr: float) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True)
class ClassifierFree:
    """Classifier-free guidance, x_0 = weak + scale (strong - weak) (Ho & Salimans 2022, arXiv 2207.12598, eq. 6, whose
    w is scale - 1), where the log-SNR is in [log_snr_min, log_snr_max] (Kynkäänniemi et al. 2024, arXiv 2404.07724).

    Outside the interval the strong network alone is evaluated, at half the cost. scale 1 is no guidance.
    """

    scale: float = 1.5
    log_snr_min: float = -math.inf
    log_snr_max: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale >= 0):
            raise ValueError(f"the guidance scale must be a number >= 0 (1 is none), not {self.scale}")
        if not self.log_snr_min < self.log_snr_max:
            raise ValueError(
                f"guidance needs log_snr_min < log_snr_max, not {self.log_snr_min} and {self.log_snr_max}:"
                " nothing would be guided"
            )

    def scale_at(self, log_snr: float) -> float:
        """`scale` inside the interval, 1 outside."""
        return self.scale if self.log_snr_min <= log_snr <= self.log_snr_max else 1.0
