"""Tasks: what is asked of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from genbench.interfaces.data import Column, ConditionSpec, Dataset, DataSpec, ImageSet


@dataclass(frozen=True)
class Examples:
    """Training images and their dataset columns: uint8 [B, C, H, W] and one entry per image, tensors on one device."""

    images: Tensor
    columns: Mapping[str, Column]


class Task(Protocol):
    """Which conditions training and requests carry, what generated images are compared with, and which metrics come
    with it. An immutable value: its fields are its options.
    """

    defaults: ClassVar[Mapping[str, str]]
    """Options of groups that it brings, as a model brings its sampler: {"metrics": "psnr"} adds that metric."""

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """The conditions that models see, for data without any."""
        ...

    def unsupported(self, dataset: Dataset) -> str | None:
        """Why this dataset cannot serve the task and what would, or None."""
        ...

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """Conditions of one training batch, drawn anew each time with `generator`, which is on the batch's device and
        seeded by (training seed, stage, step, process). `indices` are the images' numbers in the training split.
        """
        ...

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """Conditions of generated images start, …, start + len(keys) - 1, on the CPU, from the split that the task
        names. Entry i depends on start + i and keys[i] only.
        """
        ...

    def reference(self, dataset: Dataset) -> ImageSet:
        """The real images that generated ones are compared with."""
        ...

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        """What requests start, …, start + len(keys) - 1 should have given, image by image; never shown to a model.
        None where there is no such thing.
        """
        ...

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        """Further sets that become rows of the table, by name, such as "bicubic"."""
        ...
