"""Image files, wherever they lie, to splits: decoded by Pillow in many threads, always in the given order."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from genbench.data.descriptions import TEXTS
from genbench.data.errors import DataError
from genbench.data.maps import mapped
from genbench.data.options import ImagesOptions
from genbench.data.splits import Split, checked_dataset, divided, shuffled
from genbench.interfaces.data import Column, Dataset

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
GREY_MODES, RGB_MODES = ("1", "L"), ("RGB", "P", "CMYK", "YCbCr")
NOTHING: Mapping[str, str] = MappingProxyType({})


class Picture(NamedTuple):
    """One image file, not yet read. `where` is what messages call it, `label` is None if classes are unknown, `texts`
    are those of TEXTS that are known.
    """

    where: str
    read: Callable[[], bytes]
    label: int | None
    texts: Mapping[str, str] = NOTHING


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


def load_pictures(
    name: str, classes: tuple[str, ...], splits: Mapping[str, Sequence[Picture]], sources: tuple[Path, ...]
) -> Dataset:
    """The dataset of these files. Its fingerprint covers pixels, labels, texts, classes and splits: the same images in
    a folder, in a zip or under another name are the same dataset.

    Raises DataError for a file that is damaged, transparent or deeper than 8 bits, for two that differ in size or in
    being grey, and as `checked_dataset` does.
    """
    first = splits["train"][0]
    built = {split: Split(_mapped(pictures, first), _columns(pictures)) for split, pictures in splits.items()}
    return checked_dataset(name, classes, built, content="images", sources=sources)


def _mapped(pictures: Sequence[Picture], first: Picture) -> NDArray[np.uint8]:
    """uint8 [N, C, H, W], all like the first: C is 1 for grey images and 3 for coloured ones."""
    channels, height, width = shape = _decoded(first).shape

    def read(start: int, stop: int) -> NDArray[np.uint8]:
        block = np.empty((stop - start, *shape), dtype=np.uint8)
        for image, picture in zip(block, pictures[start:stop], strict=True):
            decoded = _decoded(picture)
            if decoded.shape != shape:
                raise DataError(_difference(first.where, shape, picture.where, decoded.shape))
            image[...] = decoded
        return block

    return mapped(len(pictures), (channels, height, width), read)


def _columns(pictures: Sequence[Picture]) -> Mapping[str, Column]:
    """The labels and texts, of all pictures or of none."""
    columns: dict[str, Column] = {
        name: [picture.texts[name] for picture in pictures] for name in TEXTS if name in pictures[0].texts
    }
    if pictures[0].label is not None:
        columns["label"] = torch.tensor([picture.label for picture in pictures])
    return columns


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


def _difference(first: str, shape: tuple[int, ...], second: str, other: tuple[int, ...]) -> str:
    if shape[1:] == other[1:]:
        kinds = {1: "grey", 3: "RGB"}
        return f"{first} is {kinds[shape[0]]} and {second} is {kinds[other[0]]}: convert them to one of the two"
    return (
        f"{first} is {shape[2]}x{shape[1]} and {second} is {other[2]}x{other[1]} pixels:"
        " all images of a dataset must have one size, so crop or resize them first"
    )
