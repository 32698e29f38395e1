"""A folder of image files as an image set: known by the bytes of its files, decoded a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genbench.interfaces.data import ImageSet
from genbench.registry.code import code
from genbench.registry.files import file_digest
from genbench.store.digests import digest

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
GREY, COLOUR = ("1", "L"), ("RGB", "P", "CMYK", "YCbCr")
"""Modes of Pillow that are read as one channel and as three."""


class FolderError(ValueError):
    """A folder without images, or with files that are no images of 8 bits: which, and what to do."""


class ImageFile(NamedTuple):
    """What is known of a file before it is decoded: its path, SHA-256, and the shape of its image."""

    path: Path
    sha256: str
    channels: int
    height: int
    width: int


class FolderImages(ImageSet):
    """All image files in a folder and the folders below it, in the order of their paths: uint8 [N, C, H, W].

    C is 1 if all are grey, else 3, grey ones repeated. The set is named by the content of its files, not by where they
    lie. Raises FolderError.
    """

    def __init__(self, folder: Path) -> None:
        files = _files(folder)
        self._take_over(digest(files=[file.sha256 for file in files], code=code(FolderImages).digest), files, 0)

    def _take_over(self, id: str, files: Sequence[ImageFile], first: int) -> None:
        self.id, self.files, self.first, self.count, self.columns = id, tuple(files), first, len(files), {}
        self.channels = max((file.channels for file in files), default=1)
        sizes = {(file.height, file.width) for file in files}
        self.shape = (self.channels, *sizes.pop()) if len(sizes) == 1 else None

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1; ValueError where these differ in size."""
        if not 0 <= start <= stop <= self.count:
            raise IndexError(f"images {start} to {stop} of {self.count}")
        return self._decoded(self.files[start:stop])

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices; ValueError where these differ in size."""
        return self._decoded([self.files[i] for i in indices.tolist()])

    def part(self, first: int, count: int) -> FolderImages:
        """`count` images from number `first` of this set on."""
        if first < 0 or count < 0 or first + count > self.count:
            raise ValueError(f"there are {self.count} images, not {count} from number {first} on")
        part = FolderImages.__new__(FolderImages)
        part._take_over(self.id, self.files[first : first + count], self.first + first)
        part.channels, part.shape = self.channels, self.shape  # a part is seen as the whole is
        return part

    def _decoded(self, files: Sequence[ImageFile]) -> Tensor:
        sizes = {(file.height, file.width) for file in files}
        if len(sizes) > 1:
            raise ValueError(f"{files[0].path.parent} holds images of several sizes: read them one at a time")
        images = [_pixels(file.path).expand(self.channels, -1, -1) for file in files]
        return (
            torch.stack(images)
            if images
            else torch.empty((0, *(self.shape or (self.channels, 0, 0))), dtype=torch.uint8)
        )


def _files(folder: Path) -> list[ImageFile]:
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder: give one that holds image files")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not paths:
        raise FolderError(f"{folder} holds no images: put files ending in {', '.join(SUFFIXES)} there")
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_described, paths))


def _described(path: Path) -> ImageFile:
    try:
        with Image.open(path) as image:
            mode, transparent, (width, height) = image.mode, "transparency" in image.info, image.size
    except OSError as error:
        raise FolderError(f"{path} cannot be read as an image ({error}); repair or remove it") from error
    if transparent or mode not in GREY + COLOUR:
        raise FolderError(
            f"{path} is of Pillow's mode {mode}{' with transparency' if transparent else ''}: convert it to 8-bit grey"
            " or RGB without transparency"
        )
    return ImageFile(path, file_digest(path), 1 if mode in GREY else 3, height, width)


def _pixels(path: Path) -> Tensor:
    """uint8 [1 or 3, H, W]."""
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("L" if image.mode in GREY else "RGB"))
    except OSError as error:
        raise FolderError(f"{path} cannot be read as an image ({error}); repair or remove it") from error
    return torch.from_numpy(pixels).reshape(*pixels.shape[:2], -1).permute(2, 0, 1)
