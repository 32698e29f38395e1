"""Killed, interrupted, or at work twice at once: nothing finished is lost or redone, and no file is corrupt."""

from __future__ import annotations

import json
import shlex
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from genbench.store.maps import RowMap
from genbench.store.records import Status, read_record

MOMENTS = (
    {"NOCOST_DEATH": "train:1"},
    {"NOCOST_DEATH": "train:8"},
    {"signalled": (signal.SIGKILL, "/stages/", 0)},
    {"NOCOST_DEATH": "draw:2"},
    {"signalled": (signal.SIGKILL, "/timings/", 0)},
    {"NOCOST_DEATH": "extract:9"},
    {"signalled": (signal.SIGKILL, "/scores/", 0)},
    {"signalled": (signal.SIGKILL, "result.json", 0)},
    {"NOCOST_DEATH": "draw:1"},  # of the second job: the first one is done
    {"signalled": (signal.SIGKILL, "result.json", 0)},
)
"""At a step of training, at a batch, before a finished file or folder is put in its place."""


SAVING = "training.checkpoint_seconds=1e-6"
"""A checkpoint after every step."""


def finished(results: Path) -> dict[Path, bytes]:
    """What nobody may make again: stages and JSON artifacts as a whole, and the rows that are counted."""
    artifacts = results / "artifacts"
    files = {path: path.read_bytes() for path in artifacts.glob("stages/*[!l]/*")}
    files |= {path: path.read_bytes() for kind in ("scores", "timings") for path in artifacts.glob(f"{kind}/*.json")}
    for kind in ("samples", "features"):
        for path in artifacts.glob(f"{kind}/*/rows.json"):
            rows = RowMap(path.parent)
            files |= {rows.file(name): rows[name].tobytes() for name in rows.formats}
    return files


def check_whole(results: Path) -> None:
    """Every file is readable, and every record is one of a finished run."""
    for path in results.rglob("*.json"):
        json.loads(path.read_text())
    for path in results.glob("*/result.json"):
        assert read_record(path).status == Status.DONE


def images(results: Path) -> dict[str, bytes]:
    """The images of each run, by its id."""
    records = [read_record(path) for path in results.glob("*/result.json")]
    artifacts = {
        record.run_id: next(artifact.id for artifact in record.artifacts if artifact.kind == "samples")
        for record in records
    }
    return {run: RowMap(results / "artifacts/samples" / id)["images"].tobytes() for run, id in artifacts.items()}


def counted(folder: Path) -> Counter[str]:
    """How often each kind of work was done."""
    return Counter(line.split()[0] for path in folder.iterdir() for line in path.read_text().splitlines())


def test_a_sweep_survives_ten_kills(genbench: Any, tmp_path: Path) -> None:
    command, results = ["run", "-m", "seed=0,1", *genbench.nocost, SAVING], tmp_path / "results"
    before: dict[Path, bytes] = {}
    for moment in MOMENTS:
        assert genbench(tmp_path, *command, **moment).code == -signal.SIGKILL, moment
        check_whole(results)
        now = finished(results)
        assert {path: now[path][: len(content)] for path, content in before.items()} == before, moment
        before = now
    done = genbench(tmp_path, *command)
    assert done.code == 0, done.errors
    assert sum("answered from the store" in line for line in done.errors.splitlines()) == 1
    check_whole(results)
    assert len(list(results.glob("*/result.json"))) == 2
    patterns = ("stages/*", "samples/*", "timings/*.json")
    assert [len(list((results / "artifacts").glob(pattern))) for pattern in patterns] == [2, 2, 2]
    (tmp_path / "undisturbed").mkdir()
    genbench(tmp_path / "undisturbed", *command)
    assert images(results) == images(tmp_path / "undisturbed/results")


def test_training_goes_on_bit_by_bit_after_a_kill_and_after_interrupts(genbench: Any, tmp_path: Path) -> None:
    overrides = ("features=pixels", "metrics=[frechet_distance]", "training.budget=steps:120", SAVING)
    command, results = ["run", "model=gan_tiny", *genbench.cheap, *overrides], tmp_path / "results"
    typed = shlex.join(["genbench", "--plugins-dir", genbench.environment["GENBENCH_PLUGINS"], *command])
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        ended = genbench(tmp_path, *command, signalled=(number, "checkpoint.pt", 20))
        assert [path.suffix for path in results.glob("artifacts/stages/*")] == [".partial"]
        if number == signal.SIGKILL:
            assert ended.code == -number
            continue
        assert ended.code == 130
        assert "goes on from its checkpoint" in ended.errors
        assert f"The same command goes on from here:\n  {typed}\n" in ended.errors
        assert "Traceback" not in ended.errors
    done = genbench(tmp_path, *command)
    assert done.code == 0, done.errors
    assert "goes on from its checkpoint" in done.errors
    (tmp_path / "undisturbed").mkdir()
    genbench(tmp_path / "undisturbed", *command)
    assert images(results) == images(tmp_path / "undisturbed/results")


@pytest.mark.parametrize(("work", "draws", "extractions"), [("draw", 5 - 3, 8), ("extract", 0, 8 - 3)])
def test_only_the_missing_batches_are_made(
    genbench: Any, tmp_path: Path, work: str, draws: int, extractions: int
) -> None:
    """450 images, 100 drawn and 64 extracted at a time, first of all; the fourth batch is never finished."""
    counts, command = tmp_path / "counts", ["run", *genbench.nocost, "sampling.num_samples=450"]
    counts.mkdir()
    killed = genbench(tmp_path, *command, NOCOST_COUNTS=str(counts), NOCOST_DEATH=f"{work}:4")
    assert killed.code == -signal.SIGKILL
    assert counted(counts)[work] == 4
    (counts / "0").unlink()
    done = genbench(tmp_path, *command, NOCOST_COUNTS=str(counts))
    assert done.code == 0, done.errors
    others = [-(-images // 64) for images in (1500, 297, 450)]  # the training split, held-out images, noise
    assert counted(counts) == Counter(draw=draws, extract=extractions + sum(others))


def test_two_at_once_share_the_work(genbench: Any, tmp_path: Path) -> None:
    counts, results = tmp_path / "counts", tmp_path / "results"
    counts.mkdir()
    both = [genbench.start(tmp_path, "run", *genbench.nocost, NOCOST_COUNTS=str(counts)) for _ in range(2)]
    done = [command.ends() for command in both]
    assert [command.code for command in done] == [0, 0], done
    assert counted(counts)["train"] == 20
    assert counted(counts)["draw"] == 3
    assert len(list((results / "artifacts/stages").glob("*"))) == 1
    sweeps = [json.loads(path.read_text()) for path in results.glob("sweeps/*/sweep.json")]
    assert len(sweeps) == 2
    assert [run["run_id"] for run in sweeps[0]["runs"]] == [run["run_id"] for run in sweeps[1]["runs"]]
