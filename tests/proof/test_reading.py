"""How much of a memory map is read at a time: a wrapped one counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.options import KLOptions
from genbench.autoencoders.reconstruction import Reconstructed
from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.images import ArrayImages, Renamed, save_grid
from genbench.interfaces.data import Dataset, DataSpec, ImageSet
from genbench.measuring import folders
from genbench.measuring.extraction import extract
from genbench.measuring.folders import FolderImages
from genbench.measuring.image_sets import PairImages
from genbench.store.maps import GrowingMap
from genbench.training.view import SplitView

COUNT, SIZE, SHAPE = 1000, 20, (1, 8, 8)
AT_MOST = 4
"""Batches that may be read between two yields."""


class CountingMap:
    """A memory map of images that counts the rows that are read of it."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(np.random.RandomState(0).bytes(COUNT * 64))
        self.array = np.memmap(path, np.uint8, "r", shape=(COUNT, *SHAPE))
        self.shape, self.dtype, self.read = self.array.shape, self.array.dtype, 0

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: Any) -> Any:
        rows = self.array[index]
        self.read += len(rows)
        return rows


@pytest.fixture
def counting(tmp_path: Path) -> CountingMap:
    return CountingMap(tmp_path / "images")


class Originals:
    """A task whose pairs are the images of the split themselves."""

    def pairs(self, dataset: Dataset, keys: torch.Tensor, start: int) -> ImageSet:
        return dataset.splits["train"].part(start, len(keys))


def pairs_of(images: ImageSet) -> PairImages:
    dataset = Dataset("d", DataSpec(*SHAPE), {"train": images}, "f")
    return PairImages("p", Originals(), dataset, lambda first, count: torch.arange(first, first + count), len(images))  # type: ignore[arg-type]


SETS: dict[str, Callable[[ImageSet], Any]] = {
    "an array": lambda images: images,
    "a part": lambda images: images.part(100, 800),
    "a set of another name": lambda images: Renamed("other", images),
    "pairs": pairs_of,
    "reconstructions": lambda images: Reconstructed(images, KLAutoencoder(SHAPE, KLOptions(width=4))),
    "the training split": lambda images: SplitView(images, DataSpec(*SHAPE), torch.device("cpu")),
}


def between_yields(batches: Iterator[Any], read: Callable[[], int]) -> list[int]:
    """How many images were read for each batch."""
    counts, before = [], read()
    for _ in batches:
        counts.append(read() - before)
        before = read()
    return counts


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_read_as_it_is_iterated(name: str, counting: CountingMap) -> None:
    images = SETS[name](ArrayImages("i", counting))
    counting.read = 0
    counts = between_yields(images.batches(SIZE), lambda: counting.read)
    assert len(counts) == len(images) // SIZE
    assert max(counts) <= AT_MOST * SIZE
    assert sum(counts) == len(images)


def test_a_folder_is_decoded_as_it_is_iterated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(30):
        Image.new("L", (4, 4), i).save(tmp_path / f"{i:02}.png")
    images, decoded, pixels = FolderImages(tmp_path), [], folders._pixels
    monkeypatch.setattr(folders, "_pixels", lambda path: decoded.append(path) or pixels(path))
    counts = between_yields(images.batches(3), lambda: len(decoded))
    assert len(counts) == 10
    assert max(counts) <= AT_MOST * 3
    assert len(decoded) == 30


def test_extraction_reads_a_batch_at_a_time(counting: CountingMap, tmp_path: Path) -> None:
    seen = []

    class Watching(Pixels):
        def extract(self, images: torch.Tensor) -> Any:
            seen.append(counting.read)
            return super().extract(images)

    rows = GrowingMap(tmp_path / "features")
    extract(Watching(PixelsOptions()), ArrayImages("i", counting), SIZE, rows)
    assert len(rows) == COUNT
    assert max(np.diff([0, *seen])) <= AT_MOST * SIZE
    assert counting.read == COUNT


def test_a_grid_reads_what_it_shows(counting: CountingMap, tmp_path: Path) -> None:
    images = ArrayImages("i", counting)
    save_grid(images, tmp_path / "grid.png")
    assert counting.read == 100
    counting.read = 0
    save_grid(images.part(0, 30), tmp_path / "small.png")
    assert counting.read == 30
