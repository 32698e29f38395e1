"""A results folder with a sweep of made-up runs, and a reader of what W&B keeps offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.store.records import (
    AT_HELD_OUT,
    GENERATED,
    HELD_OUT,
    ArtifactRecord,
    ChoiceRecord,
    DatasetRecord,
    ImagesRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    Sitting,
    StageRecord,
    Status,
    TimingRecord,
    write_record,
)
from genbench.store.sweeps import Job, Sweep, plan_sweep, read_sweep, update_job

SWEEP_ID = "20260102-030405-abcd"
COMMAND = "genbench run -m model=good,bad,worse"
CURVES = {
    "autoencoder": [{"step": 10, "reconstruction": 0.5}, {"step": 20, "reconstruction": 0.25}],
    "denoiser": [{"step": 5, "loss": 1.0}, {"step": 10, "loss": 0.75}],
}
MEASURES = (
    MeasureInfo(name="kid", heading="KID", kind="both", direction="lower"),
    MeasureInfo(name="recall", heading="recall", kind="diversity", direction="higher"),
    MeasureInfo(name="vendi_score", heading="Vendi", kind="diversity", direction="higher", ranks=False),
    MeasureInfo(name="images_per_second", heading="images/s", kind="cost", direction="higher"),
    MeasureInfo(name="latency_ms_p90", heading="latency p90", kind="cost", direction="lower"),
    MeasureInfo(name="nfe", heading="NFE", kind="cost", ranks=False),
)


def measurement(value: float | None, error: float | None = None, direction: Any = None, **rest: Any) -> Measurement:
    return Measurement(
        value=value, standard_error=error, estimand="e", n=300, direction=direction, reason="made up", **rest
    )


def scores(shift: float) -> dict[str, Measurement]:
    return {
        "pixels/kid": measurement(0.25 + shift, 0.125, "lower", standard_error_given_reference=0.0625),
        "pixels/recall": measurement(0.5 + shift, None, "higher", interval=(0.25, 0.75, 0.95)),
        "pixels/vendi_score": measurement(7.0 + shift, 0.5, "higher"),
        "pixels/coverage": measurement(None),
    }


def build(name: str, status: Status, seed: int) -> RunRecord:
    """A run of a trained model, with all that a run may have if it is done."""
    done = status == Status.DONE
    costs = {
        "images_per_second": measurement(1000.0, 8.0, "higher", marks=("contended",)),
        "latency_ms_p90": measurement(3.0, None, "lower"),
        "nfe": measurement(4.0),
        "training_seconds": measurement(40.0),
    }
    timing = TimingRecord(
        id="t",
        family="f",
        batch_size=100,
        dtype="float32",
        device="a processor",
        threads=1,
        fast=False,
        sittings=(Sitting(utc="2026-01-02T03:04:05Z", measurements=costs, load=0.0),),
    )
    rows = {
        GENERATED: scores(0.0),
        AT_HELD_OUT: scores(0.5),
        HELD_OUT: scores(1.0),
        "before pasting": scores(2.0),
    }
    return RunRecord(
        run_id=f"{name}-digits-s{seed}-1a2b3c4d",
        status=status,
        reason=None if done else f"RuntimeError: the {name} broke",
        family=f"family of {name}",
        quick=True,
        config={
            "model": {"name": name, "width": 3},
            "seed": seed,
            "tracking": {"name": "none"},
            "results": "somewhere/else",
            "place": {"sweep": SWEEP_ID, "number": 3},
        },
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 1500}),
        model=ModelRecord(
            name=name,
            plugin=name,
            plugin_version="1",
            stages=tuple(StageRecord(name=stage, id=f"{stage}-{name}") for stage in CURVES),
        ),
        sampler=ChoiceRecord(name="one_shot"),
        task=ChoiceRecord(name="unconditional"),
        images=ImagesRecord(id="s", first=0, count=300, name=f"images of {name}") if done else None,
        measures={info.name: info for info in MEASURES} if done else {},
        rows=rows if done else {},
        costs=costs if done else {},
        timing=timing if done else None,
        artifacts=(
            *(ArtifactRecord(kind="stages", id=f"{stage}-{name}", name=stage, reused=False) for stage in CURVES),
            ArtifactRecord(kind="samples", id="s", reused=False),
        ),
        provenance=ProvenanceRecord(
            git_commit="c0ffee",
            versions={"torch": "2"},
            hardware={"cpu": "a processor"},
            seeds={"training": seed, "sampling": seed},
            command=COMMAND,
            utc="2026-01-02T03:04:05Z",
        ),
    )


def build_given() -> RunRecord:
    """Images that nobody drew here: no model, no sampler, no timing."""
    return RunRecord(
        run_id="a-folder-1a2b3c4d",
        status=Status.DONE,
        family="family of a folder",
        config={},
        images=ImagesRecord(id="i", first=0, count=300, name="a folder"),
        measures={info.name: info for info in MEASURES},
        rows={GENERATED: scores(3.0)},
        provenance=ProvenanceRecord(git_commit=None, versions={}, hardware={}, seeds={}, command="", utc=""),
    )


@dataclass(frozen=True)
class Kept:
    """A results folder with one sweep of four runs: done, failed, diverged, and one of given images."""

    results: Path
    sweep: Sweep
    records: tuple[RunRecord, ...]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    results = tmp_path_factory.mktemp("kept") / "results"
    trained = (build("good", Status.DONE, 0), build("bad", Status.FAILED, 1), build("worse", Status.DIVERGED, 2))
    records = (*trained, build_given())
    jobs = [
        Job(number=i, axes={"model": record.model.name} if record.model else {}) for i, record in enumerate(records)
    ]
    plan_sweep(results, SWEEP_ID, COMMAND, jobs)
    for i, record in enumerate(records):
        (results / record.run_id).mkdir()
        write_record(results / record.run_id / "result.json", record)
        update_job(results, SWEEP_ID, i, state="done", run_id=record.run_id)
    Image.new("RGB", (24, 16), "red").save(results / records[0].run_id / "samples.png")
    for stage, curves in CURVES.items():
        training = results / "artifacts" / "stages" / f"{stage}-good" / "training.json"
        training.parent.mkdir(parents=True)
        training.write_text(json.dumps({"seconds": 40.0, "steps": 30, "images": 1920, "curves": curves}))
    sweep = read_sweep(results, SWEEP_ID)
    assert sweep is not None
    return Kept(results, sweep, records)


@dataclass
class OfflineRun:
    """What one offline run of W&B holds."""

    folder: Path
    run: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The logged rows that have `key`, without W&B's own columns."""
        return [{k: v for k, v in row.items() if k[0] != "_"} for row in self.history if key in row]


def log_records(path: Path) -> Iterator[bytes]:
    """The records of a LevelDB log after W&B's 7-byte header: blocks of 32 KiB, pieces of (crc, length, type)."""
    content, place, pieces = path.read_bytes(), 7, b""
    assert content[:4] == b":W&B"
    while place + 7 <= len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        pieces += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield pieces
            pieces = b""


def read_offline(folder: Path) -> OfflineRun:
    from wandb.proto.wandb_internal_pb2 import Record

    def values(items: Any) -> dict[str, Any]:
        return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}

    (path,) = folder.glob("run-*.wandb")
    found = OfflineRun(folder)
    for content in log_records(path):
        record = Record()
        record.ParseFromString(content)
        match record.WhichOneof("record_type"):
            case "run":
                found.run = record.run
                found.config |= values(record.run.config.update)
            case "config":
                found.config |= values(record.config.update)
            case "history":
                found.history.append(values(record.history.item))
            case "summary":
                found.summary |= values(record.summary.update)
            case "metric":
                found.metrics[record.metric.name or record.metric.glob_name] = record.metric
            case "exit":
                found.exit_code = record.exit.exit_code
    return found


@pytest.fixture(scope="session")
def offline_runs() -> Callable[[Path], dict[str, OfflineRun]]:
    """All offline runs below a folder, by their id in W&B."""

    def read(folder: Path) -> dict[str, OfflineRun]:
        runs = [read_offline(path) for path in sorted((folder / "wandb").glob("offline-run-*"))]
        assert len({run.run.run_id for run in runs}) == len(runs)
        return {run.run.run_id: run for run in runs}

    return read
