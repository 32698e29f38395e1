"""The shipped tasks: draw images of a dataset, whatever they show, or images of given classes. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genbench.interfaces.data import Column, ConditionSpec, Dataset, DataSpec, ImageSet
    from genbench.interfaces.tasks import Examples


class _LikeTraining:
    """What is drawn is compared with the training images as a whole, and with nothing else."""

    defaults: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def reference(self, dataset: Dataset) -> ImageSet:
        """The training images."""
        return dataset.splits["train"]

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        """None: no image is the only right one."""
        return None

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        """No further rows."""
        return {}


@dataclass(frozen=True)
class Unconditional(_LikeTraining):
    """Draw images of the dataset, whatever they show."""

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """No conditions."""
        return ()

    def unsupported(self, dataset: Dataset) -> str | None:
        """None: any dataset will do."""
        return None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """No conditions."""
        return {}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """No conditions."""
        return {}


@dataclass(frozen=True)
class ClassConditional(_LikeTraining):
    """Draw images of given classes. Image i is asked for with the label of training image i (mod their number), so that
    the classes come as often as they do in the reference.
    """

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """The label: the index of a class."""
        from genbench.interfaces.data import ConditionKind, ConditionSpec

        return (ConditionSpec("label", ConditionKind.LABEL, (), "int64"),)

    def unsupported(self, dataset: Dataset) -> str | None:
        """What a dataset without labels is told."""
        if "label" not in dataset.splits["train"].columns or not dataset.spec.classes:
            return (
                f"task 'class_conditional' needs labels, and dataset '{dataset.name}' has none; use task=unconditional"
            )
        return None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """The labels of the batch, int64 [B]."""
        return {"label": batch.columns["label"]}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """The labels of training images start, start + 1, …, int64 [len(keys)]."""
        labels = cast("Tensor", dataset.splits["train"].columns["label"])
        return {"label": labels[[i % len(labels) for i in range(start, start + len(keys))]]}
