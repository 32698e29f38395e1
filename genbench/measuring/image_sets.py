"""Image sets that lie nowhere: noise and pairs, made a batch at a time; and whatever a caller calls images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.images import ArrayImages
from genbench.interfaces.data import Dataset, DataSpec, ImageSet
from genbench.interfaces.tasks import Task
from genbench.measuring.folders import FolderImages
from genbench.registry.code import code
from genbench.store.digests import digest

HASHED = 2**24
"""Bytes of an array that are hashed at a time."""


class NoiseImages(ImageSet):
    """Bytes drawn uniformly, what a generator draws that has learnt nothing: uint8 [N, C, H, W].

    Image i is made from (seed, i) alone by a counter-based generator, Philox4x64 (Salmon et al., "Parallel random
    numbers: as easy as 1, 2, 3", 2011), so that any batch can be made by itself. NumPy keeps that stream for good.
    """

    shape: tuple[int, int, int]

    def __init__(self, shape: tuple[int, int, int], count: int, seed: int = 0, first: int = 0) -> None:
        self.shape, self.count, self.seed, self.first, self.columns = shape, count, seed, first, {}
        self.id = digest(noise="uniform", shape=shape, seed=seed, code=code(NoiseImages).digest)

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1."""
        if not 0 <= start <= stop <= self.count:
            raise IndexError(f"images {start} to {stop} of {self.count}")
        size = int(np.prod(self.shape))
        counters = -(-size // 32)  # that an image takes, each of 32 bytes
        stream = np.random.Philox(key=self.seed, counter=(self.first + start) * counters)
        words = stream.random_raw((stop - start) * counters * 4).astype("<u8", copy=False)
        images = words.view(np.uint8).reshape(stop - start, counters * 32)[:, :size]
        return torch.from_numpy(np.ascontiguousarray(images)).reshape(-1, *self.shape)

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices."""
        return _taken(self, indices)

    def part(self, first: int, count: int) -> NoiseImages:
        """`count` images from number `first` of this set on."""
        _check_part(self, first, count)
        return NoiseImages(self.shape, count, self.seed, self.first + first)


class PairImages(ImageSet):
    """What each request should have given: image i belongs to generated image i. Asked of the task a batch at a time.

    `keys(first, count)` are the int64 keys of those requests; `id` names the task, the data and the seed of the keys.
    """

    def __init__(
        self,
        id: str,
        task: Task,
        dataset: Dataset,
        keys: Callable[[int, int], Tensor],
        count: int,
        first: int = 0,
    ) -> None:
        self.id, self.first, self.count, self.columns = id, first, count, {}
        self.task, self.dataset, self.keys = task, dataset, keys
        self.shape = self._pairs(0, min(1, count)).shape

    def _pairs(self, start: int, count: int) -> ImageSet:
        first = self.first + start
        pairs = self.task.pairs(self.dataset, self.keys(first, count), first)
        name = type(self.task).__name__
        if pairs is None:
            raise ValueError(f"task {name} has no pairs")
        if len(pairs) != count:
            raise ValueError(f"task {name} gave {len(pairs)} pairs for {count} requests (number {first} and on)")
        return pairs

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1."""
        if not 0 <= start <= stop <= self.count:
            raise IndexError(f"images {start} to {stop} of {self.count}")
        return self._pairs(start, stop - start).read(0, stop - start)

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices."""
        return _taken(self, indices)

    def part(self, first: int, count: int) -> PairImages:
        """`count` images from number `first` of this set on."""
        _check_part(self, first, count)
        return PairImages(self.id, self.task, self.dataset, self.keys, count, self.first + first)


def image_set(source: ImageSet | Tensor | np.ndarray[Any, Any] | str | Path) -> ImageSet:
    """Images by any name: a set as it is, uint8 [N, C, H, W] as a tensor or array, or a folder of image files.

    Raises ValueError for anything else, and what FolderImages raises.
    """
    if isinstance(source, ImageSet):
        return source
    if isinstance(source, str | Path):
        return FolderImages(Path(source))
    if isinstance(source, Tensor | np.ndarray):
        return ArrayImages(_content_id(source), source)
    raise ValueError(
        "images are a folder, uint8 [N, C, H, W] as a tensor or array, or a split of a dataset, not"
        f" {type(source).__name__}"
    )


def spec_of(images: ImageSet) -> DataSpec:
    """What these images look like, for those that are of no dataset; height and width are 0 where they differ."""
    channels = (images.shape or images.read(0, 1).shape[1:])[0]
    height, width = images.shape[1:] if images.shape else (0, 0)
    return DataSpec(channels, height, width)


def _content_id(images: Any) -> str:
    """Of an array's bytes, read a part at a time."""
    sha256 = hashlib.sha256()
    rows = max(1, HASHED // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), rows):
        sha256.update(np.ascontiguousarray(images[start : start + rows]).data)
    return digest(images=sha256.hexdigest(), shape=list(images.shape[1:]))


def _taken(images: ImageSet, indices: Tensor) -> Tensor:
    places: list[int] = indices.tolist()
    if not places:
        return images.read(0, 0)
    return torch.cat([images.read(place, place + 1) for place in places])


def _check_part(images: ImageSet, first: int, count: int) -> None:
    if first < 0 or count < 0 or first + count > len(images):
        raise ValueError(f"there are {len(images)} images, not {count} from number {first} on")
