"""A results folder with a sweep of made-up runs, and a reader of what W&B keeps offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genbench.store.records import (
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    SamplerRecord,
    SamplingRecord,
    Score,
    Status,
    TrainingRecord,
    write_record,
)
from genbench.store.sweeps import Sweep, add_run, read_sweep

SWEEP_ID = "20260102-030405-abcd"
CURVES = [
    {"stage": "autoencoder", "step": 10, "reconstruction": 0.5},
    {"stage": "autoencoder", "step": 20, "reconstruction": 0.25},
    {"stage": "denoiser", "step": 5, "loss": 1.0},
    {"stage": "denoiser", "step": 10, "loss": 0.75},
]


def score(value: float, error: float | None, direction: Any) -> Score:
    return Score(
        value=value, standard_error=error, estimand="e", n=300, direction=direction, reason=None if error else "unknown"
    )


def scores(shift: float) -> dict[str, Score]:
    return {
        "pixels/kid": score(0.25 + shift, 0.125, "lower"),
        "pixels/recall": score(0.5 + shift, None, "higher"),
        "pixels/vendi_score": score(7.0 + shift, 0.5, "higher"),
    }


def build(name: str, status: Status, seed: int) -> RunRecord:
    done = status is Status.DONE
    clock = SamplingRecord(
        num_samples=300,
        batch_size=100,
        images_per_second=1000.0,
        images_per_second_error=8.0,
        latency_ms_p50=2.0,
        latency_ms_p90=3.0,
        nfe=4.0,
        sequential_depth=5,
        calls={"network": 4},
        flops_per_image=1e6,
        peak_memory_bytes=1000,
        prepare_seconds=0.1,
        draw_seconds=0.3,
        dtype="float32",
        threads=1,
        device="a processor",
        contended=False,
        load=0.0,
        reused=False,
    )
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
        },
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 1500}, reference_split="train"),
        model=ModelRecord(
            name=name,
            plugin=name,
            plugin_version="1",
            id=f"model-{name}" if done else None,
            parameters=99 if done else None,
        ),
        sampler=SamplerRecord(name="one_shot"),
        features=(FeaturesRecord(name="pixels", fingerprint="p"),) if done else (),
        metrics=scores(0.0) if done else {},
        metrics_at_floor=scores(0.5) if done else {},
        references={"held_out": scores(1.0)} if done else {},
        training=TrainingRecord(seconds=40.0, steps=30, images=1920, reused=False) if done else None,
        sampling=clock if done else None,
        artifacts=ArtifactIds(model=f"model-{name}", samples="s", timing="t") if done else None,
        provenance=ProvenanceRecord(
            git_commit="c0ffee",
            versions={"torch": "2"},
            hardware={"cpu": "a processor"},
            seeds={"training": seed, "sampling": seed},
            command="genbench run -m model=good,bad,worse",
            utc="2026-01-02T03:04:05Z",
        ),
    )


@dataclass(frozen=True)
class Kept:
    """A results folder with one sweep of three runs: done, failed, diverged."""

    results: Path
    sweep: Sweep
    records: tuple[RunRecord, ...]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    results = tmp_path_factory.mktemp("kept") / "results"
    records = (build("good", Status.DONE, 0), build("bad", Status.FAILED, 1), build("worse", Status.DIVERGED, 2))
    for record in records:
        folder = results / record.run_id
        folder.mkdir(parents=True)
        write_record(folder / "result.json", record)
        add_run(results, SWEEP_ID, "genbench run -m model=good,bad,worse", record.run_id)
    Image.new("RGB", (24, 16), "red").save(results / records[0].run_id / "samples.png")
    training = results / "artifacts" / "models" / "model-good" / "training.json"
    training.parent.mkdir(parents=True)
    training.write_text(json.dumps({"seconds": 40.0, "steps": 30, "images": 1920, "curves": CURVES}))
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
