"""Made-up records of a sweep: runs that are done, one that failed, one that is images alone; and their folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from genbench.images import ArrayImages, save_grid
from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
from genbench.store.artifacts import Store
from genbench.store.files import write_json
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
DONE, FAILED, IMAGES_ONLY = "painter", "stumbler", "photographs"
"""The names of the runs."""
MEASURES = (
    MeasureInfo(name="kid", heading="KID", kind="both", direction="lower"),
    MeasureInfo(name="recall", heading="recall", kind="diversity", direction="higher"),
    MeasureInfo(name="images_per_second", heading="images/s", kind="cost", direction="higher", unit="images/s"),
    MeasureInfo(name="nfe", heading="NFE", kind="cost", ranks=False),
)
CURVES = [{"stage": "painting", "step": step, "loss": 1 / step} for step in (5, 10)]


def measurement(value: float | None, error: float | None = 0.125, **rest: Any) -> Measurement:
    """A number of 300 images."""
    return Measurement(value=value, standard_error=error, estimand="made up", n=300, reason=EXACT, **rest)


def records() -> list[RunRecord]:
    """Two replicates of a trained model, a run that failed, and images that were given: one without a number too."""
    first = _done(0)
    failed = replace(
        first,
        run_id=f"{FAILED}-digits-s0-0000",
        status=Status.FAILED,
        reason="RuntimeError: the canvas fell over",
        family=FAILED,
        model=ModelRecord(name=FAILED, plugin=FAILED, plugin_version="1"),
        images=None,
        timing=None,
        rows={},
        costs={},
        measures={},
        artifacts=(),
    )
    images_only = replace(
        first,
        run_id=f"{IMAGES_ONLY}-1111",
        family=IMAGES_ONLY,
        images=ImagesRecord(id="given", first=0, count=300, name=IMAGES_ONLY, shape=(1, 8, 8)),
        model=None,
        sampler=None,
        task=None,
        timing=None,
        costs={},
        artifacts=(),
    )
    return [first, _done(1), failed, images_only]


def _done(seed: int) -> RunRecord:
    costs = {
        "images_per_second": measurement(1000.0, 8.0, direction="higher", unit="images/s", marks=("contended",)),
        "nfe": measurement(4.0, None),
    }
    scores = {
        "pixels/kid": measurement(0.25 + seed / 64, direction="lower"),
        "pixels/recall": measurement(0.5, None, direction="higher", interval=(0.25, 0.75, 0.95)),
        "pixels/coverage": measurement(None, None),
    }
    timing = TimingRecord(
        id=f"timing-{seed}",
        family="timing",
        batch_size=100,
        dtype="float32",
        device="a processor",
        threads=1,
        fast=False,
        sittings=(Sitting(utc="2026-01-02T03:04:05Z", measurements=costs, load=0.0),),
    )
    return RunRecord(
        run_id=f"{DONE}-digits-s{seed}-{seed}{seed}{seed}{seed}",
        status=Status.DONE,
        family=DONE,
        config={"model": {"name": DONE}, "seed": seed},
        provenance=ProvenanceRecord(
            git_commit=None,
            versions={"genbench": "0"},
            hardware={},
            seeds={"training": seed, "sampling": seed},
            command="genbench run -m …",
            utc="2026-01-02T03:04:05Z",
        ),
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 1500, "held_out": 297}),
        images=ImagesRecord(id=f"images-{seed}", first=0, count=300, name=f"images of {DONE}", shape=(1, 8, 8)),
        reference=ImagesRecord(id="training", first=0, count=1500, name="training images", shape=(1, 8, 8)),
        model=ModelRecord(
            name=DONE, plugin=DONE, plugin_version="1", stages=(StageRecord(name="painting", id=f"stage-{seed}"),)
        ),
        sampler=ChoiceRecord(name="one_shot", options={"truncation": 0.0}),
        task=ChoiceRecord(name="unconditional"),
        timing=timing,
        features={"pixels": ChoiceRecord(name="pixels")},
        metrics={"kid": ChoiceRecord(name="kid")},
        measures={info.name: info for info in MEASURES},
        rows={GENERATED: scores, AT_HELD_OUT: scores, HELD_OUT: scores},
        costs=costs,
        artifacts=(ArtifactRecord(kind="stages", id=f"stage-{seed}", reused=False, name="painting"),),
    )


def results_folder(folder: Path) -> tuple[Sweep, list[RunRecord]]:
    """Write a results folder with the made-up sweep: records, pictures, training curves. The sweep and its records."""
    content = records()
    jobs = [
        Job(number=i, overrides=(f"model={record.name}",), axes={"model": record.name})
        for i, record in enumerate(content)
    ]
    plan_sweep(folder, SWEEP_ID, f"genbench run -m model={DONE},{FAILED}", jobs)
    pictures = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for number, record in enumerate(content):
        (folder / record.run_id).mkdir(parents=True)
        write_record(folder / record.run_id / "result.json", record)
        if record.status == Status.DONE:
            save_grid(ArrayImages("pictures", pictures), folder / record.run_id / "samples.png")
        for stage in record.model.stages if record.model and record.status == Status.DONE else ():
            path = Store(folder).path("stages", stage.id)
            path.mkdir(parents=True)
            write_json(path / "training.json", {"curves": CURVES})
        update_job(folder, SWEEP_ID, number, state="done", run_id=record.run_id)
    sweep = read_sweep(folder, SWEEP_ID)
    assert sweep is not None
    return sweep, content
