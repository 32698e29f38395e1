"""Made-up records for the tests of the table."""

import pytest

from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
from genbench.reports.sweep import sweep_table
from genbench.reports.table import to_text
from genbench.store.records import (
    AT_HELD_OUT,
    GENERATED,
    HELD_OUT,
    NOISE,
    ArtifactRecord,
    ChoiceRecord,
    DatasetRecord,
    ImagesRecord,
    Made,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    Sitting,
    StageRecord,
    Status,
    TimingRecord,
)

SCORES = (
    MeasureInfo(name="frechet_distance", heading="FD", kind="both", direction="lower"),
    MeasureInfo(name="kid", heading="KID", kind="both", direction="lower"),
    MeasureInfo(name="inception_score", heading="IS", kind="both", direction="higher"),
    MeasureInfo(name="precision", heading="precision", kind="fidelity", direction="higher"),
    MeasureInfo(name="recall", heading="recall", kind="diversity", direction="higher"),
    MeasureInfo(name="density", heading="density", kind="fidelity", direction="higher"),
    MeasureInfo(name="coverage", heading="coverage", kind="diversity", direction="higher"),
    MeasureInfo(name="vendi_score", heading="Vendi", kind="diversity", direction="higher", ranks=False),
)
COSTS = (
    MeasureInfo(name="images_per_second", heading="images/s", kind="cost", direction="higher", unit="images/s"),
    MeasureInfo(name="latency_ms_p50", heading="latency p50", kind="cost", direction="lower", unit="ms"),
    MeasureInfo(name="latency_ms_p90", heading="latency p90", kind="cost", direction="lower", unit="ms"),
    MeasureInfo(name="nfe", heading="NFE", kind="cost", ranks=False),
    MeasureInfo(name="sequential_depth", heading="depth", kind="cost", ranks=False),
    MeasureInfo(name="parameters", heading="parameters", kind="cost", ranks=False),
    MeasureInfo(name="flops_per_image", heading="FLOP", kind="cost", ranks=False),
    MeasureInfo(name="peak_memory_bytes", heading="memory", kind="cost", ranks=False, unit="bytes"),
    MeasureInfo(name="training_seconds", heading="training", kind="cost", direction="lower", ranks=False, unit="s"),
)
USUAL_COSTS = {
    "images_per_second": (1000.0, 10.0),
    "latency_ms_p50": (3.25, None),
    "latency_ms_p90": (4.5, None),
    "nfe": (18, None),
    "sequential_depth": (19, None),
    "parameters": (123456, None),
    "flops_per_image": (1.5e9, None),
    "peak_memory_bytes": (512_000_000, None),
    "training_seconds": (40.0, None),
}


def measurement(info, value, error, n, reason=None, **rest):
    return Measurement(
        value=value,
        standard_error=error,
        estimand=info.name,
        n=n,
        unit=info.unit,
        direction=info.direction if info.ranks else None,
        reason=reason or (None if error is not None else EXACT),
        **rest,
    )


def scores(values, n, extractors, **rest):
    """Every measure of every extractor (only a classifier has an Inception Score); 0.5 ± 0.01 unless given."""
    measured = {}
    for extractor in extractors:
        for info in SCORES:
            key = f"{extractor}/{info.name}"
            if info.name == "inception_score" and extractor == "pixels":
                continue
            given = values.get(key, (0.5, 0.01))
            measured[key] = given if isinstance(given, Measurement) else measurement(info, *given, n, **rest)
    return measured


def made(torch="2.9.1", **libraries):
    """Where an artifact of the store comes from."""
    return Made(
        parts={},
        versions={"python": "3.11", "torch": torch},
        hardware={},
        threads=1,
        processes=1,
        utc="",
        command="",
        seconds=1.0,
        libraries=libraries,
    )


def build(
    run_id="run",
    model="gan",
    family=None,
    seed=0,
    status=Status.DONE,
    reason=None,
    quick=False,
    config=None,
    metrics=None,
    at_held_out=None,
    held_out=None,
    noise=None,
    further=None,
    extractors=("digits", "pixels"),
    num_samples=1500,
    n_held_out=297,
    model_id=None,
    costs=None,
    contended=False,
    device="a processor",
    threads=1,
    clock_family=None,
    torch="2.9.1",
    stage_made=None,
    timing_made=None,
    left_out=None,
):
    """A run of a trained model; `stage_made` and `timing_made` say that these were in the store before it."""
    done = status == Status.DONE
    stage = model_id or f"model of {run_id}"
    rows = {
        GENERATED: scores(metrics or {}, num_samples, extractors),
        AT_HELD_OUT: scores(at_held_out or {}, n_held_out, extractors),
        HELD_OUT: scores(held_out or {}, n_held_out, extractors),
        NOISE: scores(noise or {}, num_samples, extractors),
        **(further or {}),
    }
    marks = ("contended",) if contended else ()
    usual = {**USUAL_COSTS, **(costs or {})}
    infos = {info.name: info for info in COSTS}
    clock = {
        key: measurement(infos[key], value, error, 10, marks=marks if error is not None else ())
        for key, (value, error) in usual.items()
    }
    timing = TimingRecord(
        id=f"timing of {run_id}",
        family=clock_family or f"clock of {family or run_id} on {device}",
        batch_size=250,
        dtype="float32",
        device=device,
        threads=threads,
        fast=False,
        sittings=(Sitting(utc="2026-01-01T00:00:00Z", measurements=clock, load=0.0),),
    )
    return RunRecord(
        run_id=run_id,
        status=status,
        reason=reason,
        family=family or f"family of {run_id}",
        config={"seed": seed, "model": {"name": model}, **(config or {})},
        model=ModelRecord(name=model, plugin=model, plugin_version="1", stages=(StageRecord(name="all", id=stage),)),
        sampler=ChoiceRecord(name="one_shot"),
        provenance=ProvenanceRecord(
            git_commit=None,
            versions={"torch": torch},
            hardware={"cpu": device},
            seeds={"training": seed, "sampling": seed},
            command="",
            utc="",
        ),
        quick=quick,
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 1500, "held_out": 297}),
        reference=ImagesRecord(id="d/train", first=0, count=1500, name="train"),
        images=ImagesRecord(id=f"samples of {run_id}", first=0, count=num_samples, name=f"images of {model}")
        if done
        else None,
        features={name: ChoiceRecord(name=name) for name in extractors},
        measures={info.name: info for info in (*COSTS, *SCORES)},
        rows=rows if done else {},
        costs=clock if done else {},
        timing=timing if done else None,
        left_out=left_out or {},
        artifacts=(
            ArtifactRecord(kind="stages", id=stage, name="all", reused=stage_made is not None, made=stage_made),
            ArtifactRecord(kind="timings", id=timing.id, reused=timing_made is not None, made=timing_made),
        ),
    )


def given(run_id="given", name="a folder", count=1500, metrics=None, extractors=("digits", "pixels"), **rest):
    """Images that nobody drew here: no model, no sampler, no timing."""
    infos = {info.name: info for info in SCORES}
    return RunRecord(
        run_id=run_id,
        status=Status.DONE,
        family=run_id,
        config={},
        provenance=ProvenanceRecord(git_commit=None, versions={}, hardware={}, seeds={}, command="", utc=""),
        images=ImagesRecord(id=f"images of {run_id}", first=0, count=count, name=name),
        reference=ImagesRecord(id="d/train", first=0, count=1500, name="train"),
        measures=infos,
        rows={GENERATED: scores(metrics or {}, count, extractors)},
        **rest,
    )


@pytest.fixture
def make_record():
    """Builds a RunRecord of a trained model from the few facts that a test is about."""
    return build


@pytest.fixture
def make_given():
    """Builds the RunRecord of images that were given."""
    return given


@pytest.fixture
def make_scores():
    """Builds a row's measurements."""
    return scores


@pytest.fixture
def make_made():
    """Builds an artifact's origin."""
    return made


class Look:
    """The table of some records, and how to find things in it."""

    def __init__(self, records):
        self.table = sweep_table(records)
        self.sections, self.notes, self.unfinished = self.table.sections, self.table.notes, self.table.unfinished
        self.labels = [[row.label for row in section.rows] for section in self.sections]
        self.text = to_text(self.table)

    def row(self, label, section=0):
        return next(row for row in self.sections[section].rows if row.label.startswith(label))

    def cell(self, label, heading, section=0):
        headings = self.sections[section].headings
        at = next(i for i, (first, second) in enumerate(headings) if heading in (first, f"{first} {second}"))
        return self.row(label, section).cells[at]


@pytest.fixture
def look():
    """Makes the table of some records."""
    return Look
