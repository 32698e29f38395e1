"""Tasks: which conditions training sees and a request carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from genbench.interfaces.data import Dataset


@dataclass(frozen=True)
class Unconditional:
    """Draw images of the dataset, whatever they show."""

    conditions: ClassVar[tuple[str, ...]] = ()

    def unsupported(self, dataset: Dataset) -> str | None:
        """Why this dataset cannot serve the task, or None."""
        return None

    def training(self, dataset: Dataset) -> dict[str, Tensor]:
        """Conditions of the training images, by name, each [N]."""
        return {}

    def request(self, dataset: Dataset, start: int, count: int) -> dict[str, Tensor]:
        """Conditions of generated images start, …, start + count - 1, by name."""
        return {}


@dataclass(frozen=True)
class ClassConditional:
    """Draw images of given classes. Image i is asked for with the label of training image i (mod their number), so that
    the classes come as often as they do in the reference.
    """

    conditions: ClassVar[tuple[str, ...]] = ("label",)

    def unsupported(self, dataset: Dataset) -> str | None:
        """Why this dataset cannot serve the task, or None."""
        if dataset.splits["train"].labels is None or not dataset.spec.classes:
            return (
                f"task 'class_conditional' needs labels, and dataset '{dataset.name}' has none; use task=unconditional"
            )
        return None

    def training(self, dataset: Dataset) -> dict[str, Tensor]:
        """Conditions of the training images, by name, each [N]."""
        return {"label": _labels(dataset)}

    def request(self, dataset: Dataset, start: int, count: int) -> dict[str, Tensor]:
        """Conditions of generated images start, …, start + count - 1, by name."""
        labels = _labels(dataset)
        return {"label": labels[[i % len(labels) for i in range(start, start + count)]]}


Task = Unconditional | ClassConditional


def _labels(dataset: Dataset) -> Tensor:
    labels = dataset.splits["train"].labels
    if labels is None:
        raise ValueError(f"dataset '{dataset.name}' has no labels")
    return labels
