"""Raster sampling: one value after the other, in the order of the model's sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Raster:
    """Value by value from the model's distribution at `temperature`, which scales the noise of every choice: logits are
    divided by it, the scales of continuous distributions multiplied.

    `cached` keeps the activations of earlier values; without it every value costs a full forward pass, for the same
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
