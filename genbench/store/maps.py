"""Row maps: folders of arrays that grow by whole batches of rows and are read through memory maps.

A map is a folder with one raw file per named array and `rows.json`:

    {"arrays": {name: {"dtype": "|u1", "shape": [3, 64, 64]}}, "count": 20000, "made": [...], "ends": [20000]}

Rows are written first and counted after, so that a killed process loses at most the batch that it was writing: what
lies behind the count is overwritten by the next one. `made` has an entry for each sitting that added rows, and `ends`
how many there were after it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.store.files import write_json
from genbench.store.records import Made
from genbench.store.typed_json import decode, encode

INDEX = "rows.json"


@dataclass(frozen=True)
class RowFormat:
    """One row of a named array: numpy's text for its dtype ("|u1", "<f4"), and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class RowMap:
    """The rows that were there when it was opened. Raises ValueError for a folder that holds less than it counts."""

    def __init__(self, path: Path) -> None:
        content = json.loads((path / INDEX).read_text()) if (path / INDEX).exists() else {}
        self.path = path
        self.count: int = content.get("count", 0)
        self.formats: dict[str, RowFormat] = decode(dict[str, RowFormat], content.get("arrays", {}), str(path))
        self.sittings: tuple[Made, ...] = decode(tuple[Made, ...], content.get("made", []), str(path))
        self.ends: tuple[int, ...] = decode(tuple[int, ...], content.get("ends", []), str(path))
        for name, row in self.formats.items():
            file = self.file(name)
            if not file.exists() or file.stat().st_size < self.count * row.size:
                raise ValueError(
                    f"{path}: '{name}' holds fewer than the {self.count} rows that it should: delete the folder to make"
                    " it anew"
                )

    def file(self, name: str) -> Path:
        """Where the rows of an array lie, one after another."""
        return self.path / f"{name}.bin"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The rows of one array [count, ...], read-only, mapped from the file: a part is read when it is used."""
        if name not in self.formats:
            raise KeyError(f"{self.path} has no array '{name}'; there are {', '.join(self.formats) or 'none'}")
        row = self.formats[name]
        shape = (self.count, *row.shape)
        if 0 in shape:  # nothing to map
            return np.empty(shape, row.dtype)
        return np.memmap(self.file(name), dtype=row.dtype, mode="r", shape=shape)

    @property
    def made(self) -> Made | None:
        """Where the newest rows come from, with the seconds of all sittings; None if nobody said."""
        if not self.sittings:
            return None
        return replace(self.sittings[-1], seconds=sum(sitting.seconds for sitting in self.sittings))

    def seconds(self, count: int) -> float:
        """What making the first so many rows took, as far as somebody said: of a sitting that made more, its share."""
        seconds, start = 0.0, 0
        for sitting, end in zip(self.sittings, self.ends, strict=False):
            seconds += sitting.seconds * min(max(count - start, 0), end - start) / (end - start)
            start = end
        return seconds


class GrowingMap(RowMap):
    """A map that rows are added to; its lock is held by `Store.grow`. `made` says where they come from, given the
    seconds since the map was opened.
    """

    def __init__(self, path: Path, made: Callable[[float], Made] | None = None) -> None:
        path.mkdir(parents=True, exist_ok=True)
        super().__init__(path)
        self._made, self._before, self._opened = made, (self.sittings, self.ends), perf_counter()

    def append(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Add a batch: arrays [B, ...] of one B, always under the same names, with the same row shapes and dtypes.

        Raises ValueError otherwise, and leaves the map as it was.
        """
        formats = {name: RowFormat(values.dtype.str, values.shape[1:]) for name, values in rows.items()}
        self._check(rows, formats)
        batch = len(next(iter(rows.values())))
        for name, values in rows.items():
            # Written through the file: a mapped page would count as this process's memory until it is flushed.
            with self.file(name).open("r+b" if self.file(name).exists() else "wb", buffering=0) as file:
                file.truncate(file.seek(self.count * formats[name].size))
                _write(file.fileno(), np.ascontiguousarray(values).reshape(-1).view(np.uint8))
                os.fsync(file.fileno())
        self.formats, self.count = formats, self.count + batch
        if self._made is not None:
            sittings, ends = self._before
            self.sittings = (*sittings, self._made(perf_counter() - self._opened))
            self.ends = (*ends, self.count)
        index = {"arrays": self.formats, "count": self.count, "made": self.sittings, "ends": self.ends}
        write_json(self.path / INDEX, encode(index))

    def _check(self, rows: Mapping[str, NDArray[Any]], formats: Mapping[str, RowFormat]) -> None:
        if len({len(values) for values in rows.values()}) != 1:
            counts = ", ".join(f"{name} {len(values)}" for name, values in rows.items()) or "no arrays"
            raise ValueError(f"{self.path}: a batch has as many rows in each of its arrays, not {counts}")
        for name, row in formats.items():
            if name != Path(name).name or name.startswith("."):
                raise ValueError(f"{self.path}: '{name}' cannot be the name of an array: it is that of its file too")
            if np.dtype(row.dtype).hasobject:
                raise ValueError(f"{self.path}: '{name}' holds Python objects; rows are numbers")
        if self.formats and formats != self.formats:
            raise ValueError(f"{self.path}: rows are {_described(self.formats)}, not {_described(formats)}")


def _write(file: int, values: NDArray[np.uint8]) -> None:
    left = values.data
    while left:  # one call may write less than all: at most 2 GB on Linux
        left = left[os.write(file, left) :]


def _described(formats: Mapping[str, RowFormat]) -> str:
    return ", ".join(f"{name} {row.dtype} {list(row.shape)}" for name, row in formats.items())
