"""Images: between bytes and floats, sets of them held as arrays, and pictures of many as one PNG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from genbench.interfaces.data import Column, ImageSet

WIDTH = 800
"""Pixels that a grid is about wide."""
LARGEST = 10
"""Images in a row, at most."""
BACKGROUND = (84, 84, 84)
"""Neither the black nor the white of any data set."""
CAPTION_BACKGROUND, CAPTION_INK = (32, 32, 32), (235, 235, 235)


class ArrayImages(ImageSet):
    """Images in a uint8 array [N, C, H, W]: a tensor, a numpy array, or a memory map, of which only what is asked for
    is read. `columns` have one entry per image of the array. Raises ValueError for other arrays.
    """

    def __init__(
        self, id: str, array: Any, columns: Mapping[str, Column] | None = None, first: int = 0, count: int | None = None
    ) -> None:
        if len(array.shape) != 4 or str(array.dtype) not in ("uint8", "torch.uint8"):
            raise ValueError(f"images are uint8 [N, C, H, W], not {array.dtype} {list(array.shape)}")
        self.id, self.array, self.first = id, array, first
        self.count = len(array) - first if count is None else count
        if first < 0 or self.count < 0 or first + self.count > len(array):
            raise ValueError(f"there are {len(array)} images, not {self.count} from number {first} on")
        channels, height, width = (int(side) for side in array.shape[1:])
        self.shape = channels, height, width
        self._columns = dict(columns or {})
        for name, column in self._columns.items():
            if len(column) != len(array):
                raise ValueError(f"column '{name}' has {len(column)} entries for {len(array)} images")
        self.columns = {name: column[first : first + self.count] for name, column in self._columns.items()}

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1."""
        if not 0 <= start <= stop <= self.count:
            raise IndexError(f"images {start} to {stop} of {self.count}")
        return _tensor(self.array[self.first + start : self.first + stop])

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices."""
        places = indices.cpu() + self.first
        return _tensor(self.array[places if isinstance(self.array, Tensor) else places.numpy()])

    def part(self, first: int, count: int) -> ArrayImages:
        """`count` images from number `first` of this set on."""
        if first + count > self.count:
            raise ValueError(f"there are {self.count} images, not {count} from number {first} on")
        return ArrayImages(self.id, self.array, self._columns, self.first + first, count)


class Renamed(ImageSet):
    """A set of images under another id: that of what its content depends on, where it does not know that itself."""

    def __init__(self, id: str, images: ImageSet) -> None:
        self.id, self.images = id, images
        self.first, self.count, self.shape, self.columns = images.first, images.count, images.shape, images.columns

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1."""
        return self.images.read(start, stop)

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices."""
        return self.images.take(indices)

    def part(self, first: int, count: int) -> Renamed:
        """`count` images from number `first` of this set on."""
        return Renamed(self.id, self.images.part(first, count))


def _tensor(images: Any) -> Tensor:
    """A tensor of one's own, so that nobody writes into a memory map."""
    return images.clone() if isinstance(images, Tensor) else torch.from_numpy(np.array(images))


def to_unit_range(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 images in [0, 255] -> floats in [-1, 1]."""
    return images.to(dtype).mul_(2 / 255).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Floats in [-1, 1] (clamped) -> uint8 in [0, 255], rounded to the nearest, never truncated."""
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def save_grid(images: ImageSet, path: Path, caption: str = "") -> None:
    """Write the first images of a set (of one or three channels) as a PNG, row by row, at most 10 x 10; only these are
    read.

    Pixels are repeated a whole number of times, never smoothed: what is seen is what was drawn. Raises ValueError for
    other shapes.
    """
    if images.shape is None or images.shape[0] not in (1, 3) or not len(images):
        raise ValueError(
            f"a grid needs at least one image of one or three channels, not {len(images)} of {images.shape}"
        )
    height, width = images.shape[1:]
    columns = min(LARGEST, len(images), max(1, WIDTH // width))
    rows = min(columns, -(-len(images) // columns))
    scale = max(1, WIDTH // (columns * width))
    gap = max(2, scale * width // 12)
    step_x, step_y = scale * width + gap, scale * height + gap
    strip = _caption(caption, columns * step_x + gap)
    canvas = Image.new("RGB", (columns * step_x + gap, rows * step_y + gap + strip.height), BACKGROUND)
    canvas.paste(strip, (0, 0))
    for i, image in enumerate(images.read(0, min(len(images), rows * columns))):
        tile = Image.fromarray(image.permute(1, 2, 0).expand(-1, -1, 3).contiguous().numpy())
        tile = tile.resize((scale * width, scale * height), Image.Resampling.NEAREST)
        row, column = divmod(i, columns)
        canvas.paste(tile, (gap + column * step_x, strip.height + gap + row * step_y))
    side = path.with_name(f"{path.name}.{os.getpid()}.writing")
    canvas.save(side, format="PNG", optimize=True)
    os.replace(side, path)


def _caption(text: str, width: int) -> Image.Image:
    """A dark strip with one line of text, or nothing of height 0."""
    if not text:
        return Image.new("RGB", (width, 0))
    font = ImageFont.load_default(size=16)
    while len(text) > 1 and font.getlength(text) > width - 16:
        text = f"{text[:-2].rstrip()}…"
    strip = Image.new("RGB", (width, 30), CAPTION_BACKGROUND)
    ImageDraw.Draw(strip).text((8, 15), text, font=font, fill=CAPTION_INK, anchor="lm")
    return strip
