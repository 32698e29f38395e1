"""Guidance: how several predictions of x_0 are combined, by noise level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from genbench.interfaces.sampling import Level


@dataclass(frozen=True)
class NoGuidance:
    """The network's own prediction, one evaluation per call."""

    memory: ClassVar[bool] = False

    def reads(self, log_snr: float) -> tuple[str, ...]:
        """Always the conditional prediction alone."""
        return ("conditional",)

    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        """That prediction."""
        return predictions["conditional"]


@dataclass(frozen=True)
class ClassifierFree:
    """Classifier-free guidance, x_0 = unconditional + scale (conditional - unconditional) (Ho & Salimans 2022, arXiv
    2207.12598, eq. 6, whose w is scale - 1), where the log-SNR is in [log_snr_min, log_snr_max] (Kynkäänniemi et al.
    2024, arXiv 2404.07724).

    Outside the interval the conditional prediction alone is evaluated, at half the cost. scale 1 is no guidance.
    """

    memory: ClassVar[bool] = False

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

    def reads(self, log_snr: float) -> tuple[str, ...]:
        """Both predictions inside the interval, the conditional one outside."""
        if self.scale == 1 or not self.log_snr_min <= log_snr <= self.log_snr_max:
            return ("conditional",)
        return ("conditional", "unconditional")

    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        """The extrapolation, in place of the conditional prediction."""
        return predictions["conditional"].lerp_(predictions["unconditional"], 1 - self.scale)


def unsupported(names: tuple[str, ...], offered: tuple[str, ...]) -> str | None:
    """Why guidance that reads predictions of these names cannot work with those offered (None if it can)."""
    missing = [name for name in names if name not in offered]
    if not missing:
        return None
    return (
        f"guidance reads the {' and the '.join(missing)} prediction, but the model offers {' and '.join(offered)} only:"
        " choose guidance=none"
    )
