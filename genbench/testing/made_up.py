"""Made-up data: what datasets look like, one with a column for each kind of condition, and a task that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from genbench.data.splits import Split, dataset_of
from genbench.interfaces.data import Column, ConditionKind, ConditionSpec, Dataset, DataSpec, ImageSet
from genbench.interfaces.tasks import Examples

LABEL = ConditionSpec("label", ConditionKind.LABEL)
"""What task=class_conditional shows."""
CAPTION = ConditionSpec("caption", ConditionKind.TEXT, dtype="text")

GREY = DataSpec(1, 8, 8, levels=17, classes=("dark", "bright"))
"""Like scikit-learn's digits: one channel, 17 intensities."""
LABELLED = replace(GREY, conditions=(LABEL,))
"""The same, as task=class_conditional shows it."""
CAPTIONED = replace(GREY, conditions=(CAPTION,))
"""The same with texts."""
COLOUR = DataSpec(3, 8, 12)
"""Three channels, 256 intensities, and not square, so that height and width cannot be mistaken for each other."""

SIZES = {"train": 48, "held_out": 24}


def made_up(spec: DataSpec) -> Dataset:
    """Noisy images of the spec's intensities; those of odd labels have a bright upper half.

    Each split has every column that a dataset may have: "label" (where there are classes), "caption", "group", "image"
    (a mirrored copy) and "mask" (which pixels are bright).
    """
    generator = torch.Generator().manual_seed(0)
    return dataset_of(
        "made_up",
        replace(spec, conditions=()),
        {name: _split(spec, size, generator) for name, size in SIZES.items()},
        content="made_up",
    )


def _split(spec: DataSpec, size: int, generator: torch.Generator) -> Split:
    labels = torch.arange(size) % max(1, len(spec.classes))
    top = spec.levels - 1
    levels = torch.randint(0, top // 2 + 1, (size, *spec.shape), generator=generator)
    levels[:, :, : spec.height // 2] += (top // 2 * (labels % 2))[:, None, None, None]
    images = (levels * 255 / top).round().to(torch.uint8)
    columns: dict[str, Column] = {
        "caption": [f"picture {i}, {'bright' if label % 2 else 'dark'} above" for i, label in enumerate(labels)],
        "group": [f"group {i % 3}" for i in range(size)],
        "image": images.flip(3),
        "mask": (images.float().mean(1, keepdim=True) > 64),
    }
    return Split(images.numpy(), {"label": labels, **columns} if spec.classes else columns)


@dataclass(frozen=True)
class ShowsColumns:
    """A task that shows the dataset's columns of the names of its conditions. Request i is for what the training image
    of number keys[i] (mod their number) is shown with, so that conditions stay with the key.
    """

    defaults: ClassVar[Mapping[str, str]] = {}

    shown: tuple[ConditionSpec, ...] = ()

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """Those that were named."""
        return self.shown

    def unsupported(self, dataset: Dataset) -> str | None:
        """A dataset without one of the columns."""
        missing = [spec.name for spec in self.shown if spec.name not in dataset.splits["train"].columns]
        return f"dataset '{dataset.name}' has no column '{missing[0]}': name another condition" if missing else None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """The batch's columns."""
        return {spec.name: batch.columns[spec.name] for spec in self.shown}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """Columns of training images that the keys choose."""
        train = dataset.splits["train"]
        return {spec.name: entries(train.columns[spec.name], keys % len(train)) for spec in self.shown}

    def reference(self, dataset: Dataset) -> ImageSet:
        """The training images."""
        return dataset.splits["train"]

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        """None."""
        return None

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        """No further rows."""
        return {}


def entries(column: Column, indices: Tensor) -> Column:
    """The entries of a column at int64 indices [B]."""
    return column[indices] if isinstance(column, Tensor) else [column[i] for i in indices.tolist()]


def same(column: Column, other: Column) -> bool:
    """Whether two columns hold the same entries."""
    if isinstance(column, Tensor) and isinstance(other, Tensor):
        return column.dtype == other.dtype and torch.equal(column, other)
    return not isinstance(column, Tensor) and not isinstance(other, Tensor) and list(column) == list(other)
