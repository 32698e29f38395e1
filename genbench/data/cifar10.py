"""CIFAR-10 from its python batches (cifar-10-batches-py): 32x32 RGB images of ten classes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.data.errors import DataError
from genbench.data.files import existing_folder, find_file
from genbench.data.options import FilesOptions
from genbench.data.splits import checked_dataset, shuffled_split
from genbench.interfaces.data import Dataset

NAME = "cifar10"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
BATCHES = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "held_out": ("test_batch",)}
FOLDERS = ("cifar-10-batches-py", "")


def load(options: FilesOptions) -> Dataset:
    """CIFAR-10 as uint8 images [N, 3, 32, 32] with labels, in the splits "train" (50,000) and "held_out" (the test set,
    10,000), both shuffled.

    Raises DataError for files that are missing, damaged, or hold anything but arrays, lists and numbers.

    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
    """
    root = existing_folder(options.root, "dataset.root", "the folder with cifar-10-batches-py")
    splits, sources = {}, []
    for name, batches in BATCHES.items():
        files = [find_file(root, FOLDERS, (batch,)) for batch in batches]
        images, labels = (np.concatenate(parts) for parts in zip(*map(read_batch, files), strict=True))
        splits[name] = shuffled_split(images, labels, options.limit)
        sources += files
    return checked_dataset(NAME, CLASSES, splits, content=NAME, sources=tuple(sources))


def read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images [N, 3, 32, 32] and labels [N] of one batch. Runs no code that the file may carry. Raises DataError."""
    try:
        with path.open("rb") as file:
            # Written by Python 2, whose byte strings are Latin-1 here.
            content = _ArraysOnly(file, encoding="latin1").load()
        images = np.asarray(content["data"]).reshape(-1, *SHAPE)
        labels = np.asarray(content["labels"])
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(
            f"{path} is not a batch of CIFAR-10 or is damaged ({type(error).__name__}: {error}); fetch it again"
        ) from error
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise DataError(
            f"{path} holds {len(images)} images of {images.dtype}, labels of {labels.dtype} and shape {labels.shape}:"
            " expected bytes, and a number for each image; fetch it again"
        )
    return images, labels.astype(np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Builds numpy arrays of bytes and Python's plain containers. Any other name in the pickle is an error: finding it
    is how a pickle gets to run code.
    """

    def find_class(self, module: str, name: str) -> Any:
        allowed = _ALLOWED.get((module.replace("numpy.core", "numpy._core"), name))
        if allowed is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return allowed


def _byte_dtype(kind: str, *rest: object) -> np.dtype[np.uint8]:
    if kind != "u1":
        raise pickle.UnpicklingError(f"it holds an array of {kind}, not of bytes")
    # A copy, because the pickle goes on to set the state of what it gets.
    return np.dtype(np.uint8, align=False, copy=True)


def _latin1(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2's protocol."""
    return text.encode("latin1")


_RECONSTRUCT: Callable[..., Any] = np.empty(0, np.uint8).__reduce__()[0]  # type: ignore[assignment]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _byte_dtype,
    ("_codecs", "encode"): _latin1,
}
