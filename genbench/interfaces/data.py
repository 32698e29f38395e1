"""Real images: what they look like, their splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class DataSpec:
    """What the images of a dataset look like, and which conditions the task shows with them.

    `levels` is the number of distinct, evenly spaced intensities (256 for ordinary photographs, 17 for scikit-learn's
    digits): level k is stored as the byte round(255 k / (levels - 1)) and shown to models as 2 k / (levels - 1) - 1
    up to that rounding.
    """

    channels: int
    height: int
    width: int
    levels: int = 256
    classes: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Split:
    """One split of a dataset: uint8 images [N, C, H, W] and, where known, int64 labels [N]; both on the CPU."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """Real images: "train" is what models learn from and are compared with, "held_out" is what nothing has seen."""

    name: str
    spec: DataSpec
    splits: Mapping[str, Split]
    fingerprint: str
