"""MNIST, or any dataset in its four IDX files (Fashion-MNIST): 28x28 grey images of ten classes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.data.errors import DataError
from genbench.data.files import existing_folder, find_file
from genbench.data.options import FilesOptions
from genbench.data.splits import checked_dataset, shuffled_split
from genbench.interfaces.data import Dataset

NAME = "mnist"
CLASSES = tuple("0123456789")
STEMS = {"train": "train", "held_out": "t10k"}
FOLDERS = ("", "MNIST/raw")
"""Where torchvision puts the files is looked at too."""


def load(options: FilesOptions) -> Dataset:
    """MNIST as uint8 images [N, 1, 28, 28] with labels, in the splits "train" (60,000) and "held_out" (the test set,
    10,000), both shuffled. The files may be gzipped.

    Raises DataError for files that are missing, damaged or do not belong together.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", which also defines the IDX format.
    """
    root = existing_folder(options.root, "dataset.root", "the folder with MNIST's four IDX files")
    splits, sources = {}, []
    for name, stem in STEMS.items():
        files = [_file(root, f"{stem}-images-idx3-ubyte"), _file(root, f"{stem}-labels-idx1-ubyte")]
        images, labels = read_idx(files[0], ndim=3), read_idx(files[1], ndim=1)
        if len(images) != len(labels):
            raise DataError(
                f"{root}: {stem}-images-idx3-ubyte has {len(images)} images and {stem}-labels-idx1-ubyte {len(labels)}"
                " labels; they do not belong together, fetch both again"
            )
        splits[name] = shuffled_split(images[:, None], labels, options.limit)
        sources += files
    return checked_dataset(NAME, CLASSES, splits, content=NAME, sources=tuple(sources))


def _file(root: Path, name: str) -> Path:
    return find_file(root, FOLDERS, (name, f"{name}.gz"))


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes with `ndim` dimensions, gzipped if its name ends in .gz; the array is read-only.

    Raises DataError if it is damaged or something else.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch it again") from error
    magic, header = bytes([0, 0, 8, ndim]), 4 + 4 * ndim
    if len(content) < header or content[:4] != magic:
        raise DataError(
            f"{path} is not an IDX file of bytes with {ndim} dimension(s): it begins with"
            f" {content[:4].hex() or 'nothing'}, not {magic.hex()}; fetch it again"
        )
    shape = [int(size) for size in np.frombuffer(content, ">u4", ndim, offset=4)]
    promised, content_size = math.prod(shape), len(content) - header
    if content_size != promised:
        words = f"its header promises {promised} bytes and {content_size} follow"
        raise DataError(f"{path} is damaged: {words}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
