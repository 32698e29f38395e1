"""Measuring: extractors and metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genbench.interfaces.measurement import Measurement


@dataclass(frozen=True)
class Features:
    """One set of images seen by one extractor: features [N, D] and, where the extractor classifies, logits [N, K]."""

    features: Tensor
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def first(self, n: int) -> Features:
        """The first n images."""
        return Features(self.features[:n], None if self.logits is None else self.logits[:n])


class FeatureExtractor(ABC):
    """Images to features. `fingerprint` covers weights, resizing, input range and dtype: equal prints, same numbers."""

    name: str
    fingerprint: str
    domain: ClassVar[str] = ""
    """The only dataset whose images it understands, by name; empty if it is for images of any kind."""

    @abstractmethod
    def extract(self, images: Tensor) -> Features:
        """For uint8 images [B, C, H, W] on the CPU; the result is on the CPU."""


class Metric(ABC):
    """Features to measurements. Its source is part of a score's identity: an edited metric measures anew."""

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """Why these features cannot be measured (no logits, too few images, …), or None."""
        return None

    @abstractmethod
    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measurements by standard name ("precision", "recall", …)."""
