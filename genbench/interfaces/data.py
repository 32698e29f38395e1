"""Real and generated images: what they look like, sets of them with columns, datasets and their splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from torch import Tensor

Column = Tensor | Sequence[str]
"""One entry per image: a tensor [N, ...], or N texts, which stay on the host."""


class ConditionKind(StrEnum):
    """What a condition is, so that a model can decide how to embed it before any data is seen."""

    LABEL = "label"
    TEXT = "text"
    IMAGE = "image"
    MASK = "mask"


@dataclass(frozen=True)
class ConditionSpec:
    """A condition that training shows and requests carry. `shape` is that of one entry (() for a label or a text) and
    `dtype` torch's word for it ("int64", "uint8", "float32", "bool"), or "text".
    """

    name: str
    kind: ConditionKind
    shape: tuple[int, ...] = ()
    dtype: str = "int64"


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
    conditions: tuple[ConditionSpec, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The names of the conditions, in the task's order."""
        return tuple(condition.name for condition in self.conditions)


class ImageSet(ABC):
    """uint8 images [N, C, H, W] that are read in batches and never held as a whole.

    `id` names the content of the whole collection; this set is the `count` images of it from number `first` on, and
    `columns` holds one entry for each of these. `shape` is (C, H, W), or None where images differ in size.
    """

    id: str
    first: int
    count: int
    shape: tuple[int, int, int] | None
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return self.count

    @abstractmethod
    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1 of this set as a uint8 tensor [stop - start, C, H, W] on the CPU."""

    @abstractmethod
    def take(self, indices: Tensor) -> Tensor:
        """The images at these int64 indices [B], as a uint8 tensor [B, C, H, W] on the CPU."""

    @abstractmethod
    def part(self, first: int, count: int) -> ImageSet:
        """`count` images of this set from its number `first` on, with their columns."""

    def batches(self, size: int) -> Iterator[Tensor]:
        """All images in order, `size` at a time."""
        for start in range(0, self.count, size):
            yield self.read(start, min(start + size, self.count))


@dataclass(frozen=True)
class Dataset:
    """Real images: "train" is what models learn from and are compared with, "held_out" is what nothing has seen.

    Columns of a split have standard names: "label" (int64 [N]), "caption" and "group" (N texts), "image", "mask".
    `fingerprint` names the content. `sources` are the files and folders it was read from: while none of them changes,
    a dataset that was loaded once is used again.
    """

    name: str
    spec: DataSpec
    splits: Mapping[str, ImageSet]
    fingerprint: str
    sources: tuple[Path, ...] = field(default=())
