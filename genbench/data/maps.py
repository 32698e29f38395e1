"""Decoded images in a temporary file that is mapped into memory: they take room on a disk, and are read as needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from genbench.data.errors import DataError

BLOCK = 64
"""Images that are decoded at a time, in each thread."""


def mapped(count: int, shape: tuple[int, int, int], read: Callable[[int, int], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A read-only uint8 array [count, *shape]. `read(start, stop)` gives images start, …, stop - 1, and is asked in
    several threads, in any order.

    The file has no name and goes with the array, even if the process is killed: one that stayed for the next process
    would have to be found, checked and cleaned up. Raises DataError if there is no room for it.
    """
    with tempfile.TemporaryFile(prefix="genbench-") as file, ThreadPoolExecutor() as pool:

        def fill(start: int) -> None:
            block = np.ascontiguousarray(read(start, min(start + BLOCK, count)))
            _write(file.fileno(), block.reshape(-1).data, start * block[0].nbytes)

        try:
            list(pool.map(fill, range(0, count, BLOCK)))
        except OSError as error:
            raise DataError(
                f"{count} decoded images of {' x '.join(map(str, shape))} bytes find no room in the folder for"
                f" temporary files, {tempfile.gettempdir()} ({error.strerror}); name one that has it: TMPDIR=PATH"
            ) from error
        return np.asarray(np.memmap(file, np.uint8, "r", shape=(count, *shape)))


def _write(file: int, data: memoryview, position: int) -> None:
    """All of it: one call may write a part only."""
    while data:
        written = os.pwrite(file, data, position)
        data, position = data[written:], position + written
