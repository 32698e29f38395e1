"""Row maps: what was appended is read back, a killed batch is written again, and nothing is held in memory."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from genbench.store import maps
from genbench.store.artifacts import Store
from genbench.store.maps import GrowingMap, RowMap
from genbench.store.records import Made
from genbench.store.typed_json import RecordError


def batch(start: int, count: int) -> dict[str, np.ndarray]:
    """Rows start, …: images of that number, and their number as a feature of two columns."""
    numbers = np.arange(start, start + count)
    images = np.broadcast_to(numbers[:, None, None, None] % 256, (count, 3, 4, 4)).astype(np.uint8)
    return {"images": images, "layer.2": np.stack([numbers, -numbers], axis=1).astype(np.float32)}


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.rows("samples", "a") is None
    for start in (0, 5):  # two sittings
        with store.grow("samples", "a") as growing:
            assert growing.count == start
            growing.append(batch(start, 5))
    rows = store.rows("samples", "a")
    assert rows is not None
    assert (len(rows), set(rows.formats)) == (10, {"images", "layer.2"})
    for name, values in batch(0, 10).items():
        assert rows[name].dtype == values.dtype
        np.testing.assert_array_equal(rows[name], values)


def test_the_files_are_as_described(tmp_path: Path) -> None:
    with Store(tmp_path).grow("samples", "a") as growing:
        growing.append(batch(0, 5))
    folder = tmp_path / "artifacts" / "samples" / "a"
    assert sorted(path.name for path in folder.iterdir()) == ["images.bin", "layer.2.bin", "rows.json"]
    assert (folder / "images.bin").read_bytes() == batch(0, 5)["images"].tobytes()
    assert json.loads((folder / "rows.json").read_text()) == {
        "arrays": {"images": {"dtype": "|u1", "shape": [3, 4, 4]}, "layer.2": {"dtype": "<f4", "shape": [2]}},
        "count": 5,
        "made": [],
        "ends": [],
    }


def test_reading_is_mapped_read_only_and_keeps_its_count(tmp_path: Path) -> None:
    growing = GrowingMap(tmp_path / "a")
    growing.append(batch(0, 5))
    rows = RowMap(tmp_path / "a")
    growing.append(batch(5, 5))
    assert isinstance(rows["images"], np.memmap)
    assert not rows["images"].flags.writeable
    assert (len(rows), rows["images"].shape, len(RowMap(tmp_path / "a"))) == (5, (5, 3, 4, 4), 10)


def test_rows_without_entries_and_batches_without_rows(tmp_path: Path) -> None:
    growing = GrowingMap(tmp_path / "a")
    growing.append({"empty": np.zeros((3, 0), np.float32), "scalars": np.arange(3)})
    growing.append({"empty": np.zeros((0, 0), np.float32), "scalars": np.arange(0)})
    rows = RowMap(tmp_path / "a")
    assert rows["empty"].shape == (3, 0)
    assert rows["scalars"].tolist() == [0, 1, 2]


def test_rows_that_are_not_contiguous(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4).transpose(2, 1, 0)
    GrowingMap(tmp_path / "a").append({"values": values})
    np.testing.assert_array_equal(RowMap(tmp_path / "a")["values"], values)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"images": np.zeros((2, 3, 4, 4), np.float32)},
            r"rows are images \|u1 \[3, 4, 4\], not images <f4 \[3, 4, 4\]",
        ),
        ({"images": np.zeros((2, 3, 8, 8), np.uint8)}, r"not images \|u1 \[3, 8, 8\]"),
        ({"pictures": np.zeros((2, 3, 4, 4), np.uint8)}, r"not pictures"),
        ({"images": np.zeros((2, 1), np.uint8), "more": np.zeros((3, 1), np.uint8)}, "not images 2, more 3"),
        ({}, "not no arrays"),
        ({"a/b": np.zeros((2, 1), np.uint8)}, "'a/b' cannot be the name of an array"),
        ({"objects": np.array([None, None])}, "'objects' holds Python objects"),
    ],
    ids=["dtype", "shape", "name", "counts", "nothing", "file name", "objects"],
)
def test_a_batch_that_does_not_fit_is_refused_and_changes_nothing(
    tmp_path: Path, rows: dict[str, np.ndarray], message: str
) -> None:
    growing = GrowingMap(tmp_path / "a")
    growing.append({"images": np.ones((2, 3, 4, 4), np.uint8)})
    before = {path.name: path.read_bytes() for path in growing.path.iterdir()}
    with pytest.raises(ValueError, match=message):
        growing.append(rows)
    assert {path.name: path.read_bytes() for path in growing.path.iterdir()} == before


def test_an_array_that_is_not_there_is_named(tmp_path: Path) -> None:
    GrowingMap(tmp_path / "a").append(batch(0, 2))
    with pytest.raises(KeyError, match=r"no array 'logits'; there are images, layer\.2"):
        RowMap(tmp_path / "a")["logits"]


def test_a_folder_that_holds_less_than_it_counts_is_refused(tmp_path: Path) -> None:
    growing = GrowingMap(tmp_path / "a")
    growing.append(batch(0, 5))
    os.truncate(growing.file("images"), 4 * 48)
    with pytest.raises(ValueError, match="'images' holds fewer than the 5 rows that it should: delete the folder"):
        RowMap(tmp_path / "a")


def test_an_index_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"arrays": {"images": {"dtype": 8, "shape": []}}, "count": 0}')
    with pytest.raises(RecordError, match=r": images\.dtype: found 8, expected text"):
        RowMap(tmp_path)


def _grow_until_killed(folder: Path, before_count: bool) -> None:
    """Append two batches, and die in the third: after its rows were written and before they are counted, or between
    its two arrays.
    """
    growing = GrowingMap(folder)
    growing.append(batch(0, 4))
    growing.append(batch(4, 4))
    target = "write_json" if before_count else "_write"
    original, calls = getattr(maps, target), []

    def dies(*arguments: object) -> None:
        calls.append(1)
        if before_count or len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        original(*arguments)

    setattr(maps, target, dies)
    growing.append(batch(100, 4))


@pytest.mark.parametrize("before_count", [True, False], ids=["before the count", "between two arrays"])
def test_a_killed_process_loses_its_last_batch_only(tmp_path: Path, before_count: bool) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_grow_until_killed, args=(tmp_path / "a", before_count)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert GrowingMap(tmp_path / "a").file("images").stat().st_size == 12 * 48  # the third batch was written
    assert len(RowMap(tmp_path / "a")) == 8
    growing = GrowingMap(tmp_path / "a")
    growing.append(batch(8, 2))
    growing.append(batch(10, 3))
    for name, values in batch(0, 13).items():
        np.testing.assert_array_equal(RowMap(tmp_path / "a")[name], values)
        assert growing.file(name).stat().st_size == values.nbytes


def test_each_sitting_says_where_its_rows_come_from(tmp_path: Path, make_made: Callable[..., Made]) -> None:
    store = Store(tmp_path)

    def sit(torch: str, *seconds: float) -> None:
        """A batch after each of these seconds since the map was opened."""
        left = iter(seconds)
        with store.grow("samples", "a", lambda _: make_made(versions={"torch": torch}, seconds=next(left))) as growing:
            for _ in seconds:
                growing.append(batch(growing.count, 4))

    sit("2.6", 2.0, 5.0)
    sit("2.7", 2.0)
    sit("2.8")
    rows = store.rows("samples", "a")
    assert rows is not None
    assert [(made.versions["torch"], made.seconds) for made in rows.sittings] == [("2.6", 5.0), ("2.7", 2.0)]
    made = store.made("samples", "a")
    assert made is not None
    assert (made.versions["torch"], made.seconds) == ("2.7", 7.0)
    assert rows.ends == (8, 12)
    assert [rows.seconds(count) for count in (0, 4, 8, 10, 12, 99)] == [0.0, 2.5, 5.0, 6.0, 7.0, 7.0]


def test_the_seconds_of_a_sitting_are_those_since_the_map_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_made: Callable[..., Made]
) -> None:
    clock = iter([100.0, 103.5])
    monkeypatch.setattr(maps, "perf_counter", lambda: next(clock))
    growing = GrowingMap(tmp_path / "a", lambda seconds: make_made(seconds=seconds))
    growing.append(batch(0, 2))
    assert RowMap(tmp_path / "a").sittings[0].seconds == 3.5


def test_memory_stays_flat(tmp_path: Path) -> None:
    """120 MB are written and read in batches of 2 MB."""
    process, growing = psutil.Process(), GrowingMap(tmp_path / "a")
    rows = np.zeros((50, 3, 64, 64), np.float32)
    growing.append({"images": rows})
    before = _anonymous(process)
    for _ in range(50):
        growing.append({"images": rows})
    images = RowMap(tmp_path / "a")["images"]
    total = sum(float(images[start : start + 50].sum()) for start in range(0, len(images), 50))
    assert total == 0.0
    assert len(images) == 2550
    assert _anonymous(process) - before < 10e6


def _anonymous(process: psutil.Process) -> int:
    """Bytes of memory that belong to no file."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])
