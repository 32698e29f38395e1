"""Images in a mapped file: the right bytes, no anonymous memory, nothing left behind, a plain line if it is full."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from genbench.data.errors import DataError
from genbench.data.maps import mapped

IMAGES = np.random.RandomState(0).randint(0, 256, (150, 3, 4, 5)).astype(np.uint8)


def read(start: int, stop: int) -> NDArray[np.uint8]:
    return IMAGES[start:stop]


@pytest.mark.parametrize("count", [1, 64, 65, 150])
def test_the_images_are_in_order(count: int) -> None:
    array = mapped(count, (3, 4, 5), read)
    assert np.array_equal(array, IMAGES[:count])
    assert array.dtype == np.uint8
    assert not array.flags.writeable


def test_views_in_another_order_of_memory_are_written_as_they_read() -> None:
    array = mapped(150, (5, 4, 3), lambda start, stop: IMAGES[start:stop].transpose(0, 3, 2, 1))
    assert np.array_equal(array, IMAGES.transpose(0, 3, 2, 1))


def test_the_file_is_gone_before_the_array_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = mapped(150, (3, 4, 5), read)
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(array, IMAGES)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory is anonymous")
def test_they_are_not_in_anonymous_memory() -> None:
    def anonymous() -> int:
        return sum(mapping.anonymous for mapping in psutil.Process().memory_maps())

    block = np.ones((64, 3, 64, 64), np.uint8)
    before = anonymous()
    array = mapped(6400, (3, 64, 64), lambda start, stop: block[: stop - start])  # 79 MB
    assert int(array.sum()) == array.size
    assert anonymous() - before < 20e6


def test_a_call_that_writes_a_part_only_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, position: write(file, data[:1000], position))
    assert np.array_equal(mapped(150, (3, 4, 5), read), IMAGES)


def test_a_full_disk_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: memoryview, position: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataError, match=r"150 decoded images of 3 x 4 x 5 bytes find no room in .*; name one .*TMPDIR"):
        mapped(150, (3, 4, 5), read)
