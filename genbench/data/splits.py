"""Splits in random order, cut where none exist, and put together as a checked Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.data.errors import DataError
from genbench.data.fingerprint import fingerprint
from genbench.data.maps import mapped
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, Dataset, DataSpec

SMALLEST_SPLIT = 2
"""A standard error needs two images."""

Indices = NDArray[np.int64]


class Split(NamedTuple):
    """uint8 images [N, C, H, W], in memory or mapped, and columns with one entry for each."""

    images: NDArray[np.uint8]
    columns: Mapping[str, Column]


def shuffled(count: int, seed: int = 0, limit: int = 0) -> Indices:
    """The indices 0..count - 1 in a random order, at most `limit` of them unless that is 0.

    Files come sorted by class or by difficulty (the first half of MNIST's test set is easier than the second), and
    what is measured on the first n images must hold for any n: so every split is shuffled, always in the same way.
    """
    # RandomState's stream is frozen for good (NumPy NEP 19); default_rng's may change between versions.
    order = np.random.RandomState(seed).permutation(count).astype(np.int64)
    return order[:limit] if limit else order


def divided(count: int, held_out: float, seed: int, limit: int) -> dict[str, Indices]:
    """`count` images cut into "train" and "held_out" at random, not stratified by class: the held-out images are then
    as far from the training images as independent ones. `held_out` below 1 is a fraction.

    Raises DataError if either split would have fewer than 2 images.
    """
    size = round(count * held_out) if held_out < 1 else round(held_out)
    if min(size, count - size) < SMALLEST_SPLIT:
        raise DataError(
            f"dataset.held_out={held_out:g} of {count} images leaves {max(0, count - size)} to train on and {size} held"
            f" out: each needs at least {SMALLEST_SPLIT}; change dataset.held_out or add images"
        )
    order = shuffled(count, seed)
    parts = {"train": order[size:], "held_out": order[:size]}
    return {name: part[:limit] if limit else part for name, part in parts.items()}


def shuffled_split(images: NDArray[np.uint8], labels: NDArray[np.integer[Any]], limit: int) -> Split:
    """A split that exists, images [N, C, H, W] with their labels [N], in random order and up to the limit."""
    order = shuffled(len(images), limit=limit)
    ordered = mapped(len(order), images.shape[1:], lambda start, stop: images[order[start:stop]])
    return Split(ordered, {"label": torch.from_numpy(labels[order].astype(np.int64))})


def checked_dataset(
    name: str, classes: tuple[str, ...], splits: Mapping[str, Split], content: str, sources: tuple[Path, ...]
) -> Dataset:
    """The dataset, its spec read off the training images; `content` and `sources` as in `dataset_of`.

    Raises DataError if a split has fewer than 2 images, if splits differ in shape or in columns, or if a label is of no
    class.
    """
    train = splits["train"]
    for split_name, (images, columns) in splits.items():
        if len(images) < SMALLEST_SPLIT:
            raise DataError(
                f"dataset {name}: split {split_name} has {len(images)} image(s) and needs at least {SMALLEST_SPLIT};"
                " raise dataset.limit or add images"
            )
        if images.shape[1:] != train.images.shape[1:]:
            raise DataError(
                f"dataset {name}: {split_name} images are {_size(images)} and train images {_size(train.images)};"
                " all images of a dataset must have one size"
            )
        if columns.keys() != train.columns.keys():
            raise DataError(
                f"dataset {name}: {split_name} images have {_names(columns)} and train images {_names(train.columns)};"
                " both splits need the same"
            )
        labels = columns.get("label")
        if isinstance(labels, Tensor) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise DataError(
                f"dataset {name}: split {split_name} has labels from {labels.min()} to {labels.max()},"
                f" and there are {len(classes)} classes, 0 to {len(classes) - 1}; correct the labels"
            )
    channels, height, width = train.images.shape[1:]
    return dataset_of(name, DataSpec(channels, height, width, classes=classes), splits, content, sources)


def dataset_of(
    name: str, spec: DataSpec, splits: Mapping[str, Split], content: str, sources: tuple[Path, ...] = ()
) -> Dataset:
    """The dataset of these splits. `content` is the name that its fingerprint knows it by, `sources` are the files and
    folders that it was read from.
    """
    unnamed = {split: ArrayImages("", images, columns) for split, (images, columns) in splits.items()}
    digest = fingerprint(content, spec, unnamed)
    named = {split: ArrayImages(f"{digest}-{split}", images, columns) for split, (images, columns) in splits.items()}
    return Dataset(name, spec, named, digest, sources)


def _size(images: NDArray[np.uint8]) -> str:
    channels, height, width = images.shape[1:]
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def _names(columns: Mapping[str, Column]) -> str:
    return " and ".join(f"{name}s" for name in sorted(columns)) or "nothing but pixels"
