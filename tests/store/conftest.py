"""A made-up record that fills every field, for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
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


def measurement(value: float | None = 0.5, error: float | None = 0.01, **changes: Any) -> Measurement:
    reason = None if error is not None and value is not None else "no estimator is known"
    full = {"estimand": "recall at k = 5", "n": 1500, "direction": "higher", "protocol": {"k": 5, "of": ("a", None)}}
    return Measurement(value=value, standard_error=error, **{"reason": reason, **full, **changes})


def made(**changes: Any) -> Made:
    full = Made(
        parts={"seed": 0, "code": {"Stage": "0123456789abcdef"}},
        versions={"torch": "2.6"},
        hardware={"cores": 2, "gpu": None},
        threads=1,
        processes=1,
        utc="2026-01-01T00:00:00Z",
        command="genbench run model=gan",
        seconds=1.5,
        libraries={"scipy": "1.11"},
    )
    return replace(full, **changes)


def record(**changes: Any) -> RunRecord:
    speed = measurement(1e4, 10.0, estimand="images per second", n=5, unit="images/s", marks=("contended",))
    full = RunRecord(
        run_id="gan-digits-s0-1234abcd",
        status=Status.DONE,
        family="f00d",
        config={"seed": 0, "model": {"name": "gan", "widths": [8, 16], "augment": None}},
        overrides=("model=gan", "seed=0"),
        provenance=ProvenanceRecord(
            git_commit=None,
            versions={"torch": "2.6"},
            hardware={"cores": 2, "gpu": None},
            seeds={"training": 0, "sampling": 0},
            command="genbench run model=gan",
            utc="2026-01-01T00:00:00Z",
        ),
        quick=True,
        dataset=DatasetRecord(name="digits", fingerprint="d1", splits={"train": 1500, "held_out": 297}),
        images=ImagesRecord(id="5a5a5a5a5a5a5a5a", first=0, count=1500, name="images of gan", shape=(1, 8, 8)),
        reference=ImagesRecord(id="d1/train", first=0, count=1500, name="train of digits"),
        model=ModelRecord(
            name="gan",
            plugin="gan",
            plugin_version="0.1.0",
            options={"latent_size": 24},
            stages=(StageRecord(name="generator", id="0123456789abcdef"),),
        ),
        sampler=ChoiceRecord(name="one_shot", options={"truncation": 0.5}),
        task=ChoiceRecord(name="unconditional"),
        values={"schedule": ChoiceRecord(name="cosine")},
        timing=TimingRecord(
            id="7171717171717171",
            family="7272727272727272",
            batch_size=250,
            dtype="float32",
            device="a processor",
            threads=1,
            fast=False,
            sittings=(Sitting(utc="2026-01-01T00:00:00Z", measurements={"images_per_second": speed}, load=0.1),),
        ),
        features={"pixels": ChoiceRecord(name="pixels", options={"size": 0})},
        metrics={"prdc": ChoiceRecord(name="prdc", options={"k": 5})},
        measures={
            "recall": MeasureInfo(name="recall", heading="recall", kind="diversity", direction="higher"),
            "vendi_score": MeasureInfo(name="vendi_score", heading="Vendi", kind="diversity", ranks=False),
        },
        rows={
            GENERATED: {"pixels/recall": measurement(), "pixels/vendi_score": measurement(12.0, None)},
            AT_HELD_OUT: {"pixels/recall": measurement(0.4, interval=(0.3, 0.5, 0.95), n=297)},
            HELD_OUT: {"pixels/recall": measurement(0.8, standard_error_given_reference=0.005)},
            NOISE: {"pixels/recall": measurement(None, None), "three": measurement(group=("label", "3"))},
        },
        left_out={"generated/inception_score": "pixels has no logits"},
        costs={"images_per_second": speed, "nfe": measurement(1.0, None, reason=EXACT, direction=None)},
        artifacts=(
            ArtifactRecord(kind="stages", id="0123456789abcdef", name="generator", reused=True, made=made()),
            ArtifactRecord(kind="samples", id="5a5a5a5a5a5a5a5a", reused=False),
        ),
    )
    return replace(full, **changes)


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """A record of a done run with every field filled, but for what is given."""
    return record


@pytest.fixture
def make_measurement() -> Callable[..., Measurement]:
    """A measurement of a value and its error."""
    return measurement


@pytest.fixture
def make_made() -> Callable[..., Made]:
    """Where a made-up artifact comes from."""
    return made
