"""20,000 images in little memory, by a process that is killed at number 12,000 and goes on where it was."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genbench
from genbench.drawing.seeds import image_keys
from genbench.store.records import RunRecord

HERE = Path(__file__).parent
MANY, FEW, BATCH, DEATH = 20_000, 5_000, 500, 12_000
SHAPE = (3, 64, 64)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a reference of 20,000 images of noise in one file."""
    folder = tmp_path_factory.mktemp("memory")
    (folder / "reference").write_bytes(np.random.RandomState(0).bytes(MANY * int(np.prod(SHAPE))))
    yield folder
    shutil.rmtree(folder)  # half a gigabyte


@pytest.fixture(scope="module")
def sitting(folder: Path, python: Callable[..., Any]) -> Callable[..., Any]:
    """`sitting(name, count, death)`: a process that works at a run of so many images in a folder of this name."""

    def sit(name: str, count: int, death: int = 0) -> Any:
        (folder / name).mkdir(exist_ok=True)
        environment = {
            "GENBENCH_PLUGINS": str(HERE / "plugins"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "CHEAP_ASKED": str(folder / name / "asked"),
            "CHEAP_DEATH": str(death or ""),
        }
        work = str(HERE / "memory_process.py"), str(count), str(folder / name)
        return python(*work, cwd=folder, **environment)

    return sit


@pytest.fixture(scope="module")
def many(folder: Path, sitting: Callable[..., Any]) -> RunRecord:
    """The record of two sittings, of which the first was killed."""
    assert sitting("many", MANY, death=DEATH).returncode == -signal.SIGKILL
    assert not list((folder / "many").glob("results/*/result.json"))
    done = sitting("many", MANY)
    assert done.returncode == 0, done.stderr
    (record,) = genbench.load(folder / "many" / "results").records
    return record


@pytest.fixture(scope="module")
def few(folder: Path, sitting: Callable[..., Any]) -> RunRecord:
    done = sitting("few", FEW)
    assert done.returncode == 0, done.stderr
    (record,) = genbench.load(folder / "few" / "results").records
    return record


def test_the_second_sitting_draws_exactly_what_was_missing(folder: Path, many: RunRecord) -> None:
    """Batches are told by their first key; what is timed is not counted."""
    asked = [tuple(map(int, line.split())) for line in (folder / "many" / "asked").read_text().splitlines()]
    keys = image_keys(0, 0, MANY)
    assert asked == [(int(keys[start]), BATCH) for start in range(0, MANY, BATCH)]


def test_the_images_are_those_of_an_undisturbed_run(folder: Path, many: RunRecord, drawn: Any) -> None:
    """The formula by hand."""
    images = drawn(folder / "many" / "results", many)["images"]
    assert images.shape == (MANY, *SHAPE)
    channel, row, column = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    for start in range(0, MANY, BATCH):
        keys = image_keys(0, start, BATCH).numpy()
        a, b, c = (keys >> 8 * byte & 255 for byte in range(3))
        a, b, c = (number.astype(np.uint8)[:, None, None, None] for number in (a, b, c))
        rest = [index.astype(np.uint8) for index in (7 * channel, row, column)]
        assert np.array_equal(images[start : start + BATCH], a + b * rest[1] + c * rest[2] + rest[0]), start


@pytest.mark.parametrize(("name", "count"), [("many", MANY), ("few", FEW)])
def test_rows_of_reference_size_were_measured(name: str, count: int, request: pytest.FixtureRequest) -> None:
    record: RunRecord = request.getfixturevalue(name)
    assert record.reference is not None
    assert record.reference.count == count
    numbers = {row: {key: score.n for key, score in scores.items()} for row, scores in record.rows.items()}
    every = {"pixels/frechet_distance": count, "pixels/kid": count}
    assert numbers == {"generated": every, "noise": every}


def test_memory_is_small_and_does_not_grow_with_the_images(folder: Path, many: RunRecord, few: RunRecord) -> None:
    """Megabytes above the process after its imports, over both sittings. 15,000 images more are 184 MB of bytes."""
    peak = {name: float((folder / name / "peak").read_text()) for name in ("many", "few")}
    assert peak["many"] <= 500, peak
    assert peak["many"] <= peak["few"] + 60, peak
