"""Splits in random order, cut where none exist, and put together as a checked Dataset."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from genbench.data.errors import DataError
from genbench.data.fingerprint import fingerprint
from genbench.interfaces.data import Dataset, DataSpec, Split

SMALLEST_SPLIT = 2
"""A standard error needs two images."""

Indices = NDArray[np.int64]


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


def checked_dataset(name: str, classes: tuple[str, ...], splits: Mapping[str, Split], content: str) -> Dataset:
    """The dataset, its spec read off the training images. `content` is the name that its fingerprint knows it by.

    Raises DataError if a split has fewer than 2 images, if they differ in shape, or if a label is of no class.
    """
    shape = tuple(splits["train"].images.shape[1:])
    for split_name, split in splits.items():
        if len(split) < SMALLEST_SPLIT:
            raise DataError(
                f"dataset {name}: split {split_name} has {len(split)} image(s) and needs at least {SMALLEST_SPLIT};"
                " raise dataset.limit or add images"
            )
        if (other := tuple(split.images.shape[1:])) != shape:
            raise DataError(
                f"dataset {name}: {split_name} images are {_size(other)} and train images {_size(shape)};"
                " all images of a dataset must have one size"
            )
        if split.labels is not None and not 0 <= int(split.labels.min()) <= int(split.labels.max()) < len(classes):
            raise DataError(
                f"dataset {name}: split {split_name} has labels from {split.labels.min()} to {split.labels.max()},"
                f" and there are {len(classes)} classes, 0 to {len(classes) - 1}; correct the labels"
            )
    channels, height, width = shape
    spec = DataSpec(channels, height, width, classes=classes)
    return Dataset(name, spec, splits, fingerprint(content, spec, splits))


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"
