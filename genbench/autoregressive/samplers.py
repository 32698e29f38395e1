"""Raster sampling: one pixel after the other, in reading order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Raster:
    """Pixel by pixel from the model's distribution with logits divided by `temperature`.

    `cached` keeps the activations of earlier pixels; without it every pixel costs a full forward pass, for the same
    images.
    """

    family: ClassVar[str] = "raster"

    temperature: float = 1.0
    cached: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                f"temperature must be a number > 0 (1 is the model's distribution), not {self.temperature}"
            )
