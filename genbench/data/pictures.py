"""Image files, wherever they lie, to one tensor: decoded by Pillow in many threads, always in the given order."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from genbench.data.errors import DataError
from genbench.data.options import ImagesOptions
from genbench.data.splits import checked_dataset, divided, shuffled
from genbench.interfaces.data import Dataset, Split

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
GREY_MODES, RGB_MODES = ("1", "L"), ("RGB", "P", "CMYK", "YCbCr")
BLOCK = 64


class Picture(NamedTuple):
    """One image file, not yet read. `where` is what messages call it; `label` is None if classes are unknown."""

    where: str
    read: Callable[[], bytes]
    label: int | None


def is_picture(name: str) -> bool:
    """Whether a file's name ends like an image's, and it is no hidden file."""
    return name.lower().endswith(SUFFIXES) and not name.rpartition("/")[2].startswith(".")


def shuffle(pictures: Sequence[Picture], options: ImagesOptions) -> list[Picture]:
    """A split that exists, in random order and up to the limit."""
    return [pictures[i] for i in shuffled(len(pictures), options.split_seed, options.limit)]


def divide(pictures: Sequence[Picture], options: ImagesOptions) -> dict[str, list[Picture]]:
    """The splits "train" and "held_out", made where none exist. Raises DataError as `divided` does."""
    parts = divided(len(pictures), options.held_out, options.split_seed, options.limit)
    return {name: [pictures[i] for i in part] for name, part in parts.items()}


def load_pictures(name: str, classes: tuple[str, ...], splits: Mapping[str, Sequence[Picture]]) -> Dataset:
    """The dataset of these files. Its fingerprint covers pixels, labels, classes and splits: the same images in a
    folder, in a zip or under another name are the same dataset.

    Raises DataError as `read_pictures` and `checked_dataset` do.
    """
    everything = [picture for pictures in splits.values() for picture in pictures]
    sizes = [len(pictures) for pictures in splits.values()]
    parts = torch.split(read_pictures(everything), sizes)
    built = {
        split: Split(images, _labels(pictures)) for (split, pictures), images in zip(splits.items(), parts, strict=True)
    }
    return checked_dataset(name, classes, built, content="images")


def read_pictures(pictures: Sequence[Picture]) -> Tensor:
    """uint8 [N, C, H, W], C = 1 if all are grey and 3 if all are in colour.

    Raises DataError for a file that is damaged, transparent or deeper than 8 bits, and for two that differ in size or
    in being grey.
    """
    first = _decoded(pictures[0])
    images = torch.empty((len(pictures), *first.shape), dtype=torch.uint8)
    array = images.numpy()

    def fill(start: int) -> None:
        for i, picture in enumerate(pictures[start : start + BLOCK], start):
            image = _decoded(picture)
            if image.shape != first.shape:
                raise DataError(_difference(pictures[0].where, first.shape, picture.where, image.shape))
            array[i] = image

    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, range(0, len(pictures), BLOCK)))
    return images


def _decoded(picture: Picture) -> NDArray[np.uint8]:
    """uint8 [C, H, W]."""
    try:
        with Image.open(io.BytesIO(picture.read())) as image:
            mode, transparent = image.mode, "transparency" in image.info
            pixels = np.asarray(image.convert("L" if mode in GREY_MODES else "RGB"))
    except Exception as error:  # a damaged image or archive may raise anything
        raise DataError(f"{picture.where} cannot be read as an image ({error}); repair or remove it") from error
    if transparent or mode not in GREY_MODES + RGB_MODES:
        raise DataError(
            f"{picture.where} is of Pillow's mode {mode}{' with transparency' if transparent else ''}:"
            " convert it to 8-bit grey or RGB without transparency"
        )
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _labels(pictures: Sequence[Picture]) -> Tensor | None:
    labels = [picture.label for picture in pictures if picture.label is not None]
    return torch.tensor(labels) if labels else None


def _difference(first: str, shape: tuple[int, ...], second: str, other: tuple[int, ...]) -> str:
    if shape[1:] == other[1:]:
        kinds = {1: "grey", 3: "RGB"}
        return f"{first} is {kinds[shape[0]]} and {second} is {kinds[other[0]]}: convert them to one of the two"
    return (
        f"{first} is {shape[2]}x{shape[1]} and {second} is {other[2]}x{other[1]} pixels:"
        " all images of a dataset must have one size, so crop or resize them first"
    )
