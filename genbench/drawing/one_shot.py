"""One-shot sampling: one forward pass of a generator network on latent noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class OneShot:
    """One pass. With `truncation` > 0 no latent value exceeds it in magnitude (Brock et al. 2019, arXiv 1809.11096,
    section 3.1: better images, less variety); 0 truncates nothing.
    """

    family: ClassVar[str] = "one_shot"

    truncation: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.truncation) and self.truncation >= 0):
            raise ValueError(f"truncation must be a number >= 0 (0 is none, 0.5 to 2 is usual), not {self.truncation}")
