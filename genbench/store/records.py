"""One run's record, result.json: typed, versioned, checked when built and when read; docs/results.md describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genbench.store.artifacts import write_json
from genbench.store.typed_json import RecordError as RecordError
from genbench.store.typed_json import decode, encode, mismatch

if TYPE_CHECKING:
    from genbench.interfaces.measurement import Measurement

SCHEMA_VERSION = 1


class Status(StrEnum):
    """What came of a run."""

    DONE = "done"
    FAILED = "failed"
    DIVERGED = "diverged"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A measurement as it is kept. Without a standard error there is a reason."""

    value: float
    standard_error: float | None
    estimand: str
    n: int
    direction: Literal["lower", "higher"]
    reason: str | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise RecordError(f"value: found {self.value}, expected a finite number")
        if self.standard_error is None and not self.reason:
            raise RecordError("reason: found none, expected why there is no standard error")

    @classmethod
    def of(cls, measurement: Measurement) -> Score:
        """The kept form of what a metric returned."""
        return cls(
            value=measurement.value,
            standard_error=measurement.standard_error,
            estimand=measurement.estimand,
            n=measurement.n,
            direction=measurement.direction.value,
            reason=measurement.reason,
        )


Scores = dict[str, Score]
"""Scores by "<extractor>/<metric>"; likelihoods by "model/bits_per_dim"."""


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """The real images: `splits` counts them, `reference_split` is the one that samples are compared with."""

    name: str
    fingerprint: str
    splits: dict[str, int]
    reference_split: str


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """The generator: `plugin` is the entry point that brought it; `parameters` are those that drawing needs."""

    name: str
    plugin: str
    plugin_version: str
    id: str | None = None
    parameters: int | None = None


@dataclass(frozen=True, kw_only=True)
class SamplerRecord:
    """How images were drawn: the sampler's registered name and options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FeaturesRecord:
    """A feature extractor; equal fingerprints give equal numbers."""

    name: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class SamplingRecord:
    """What the clock saw while drawing; units are in the names, the rest is in docs/results.md."""

    num_samples: int
    batch_size: int
    images_per_second: float
    images_per_second_error: float | None
    latency_ms_p50: float
    latency_ms_p90: float
    nfe: float
    sequential_depth: int
    calls: dict[str, int]
    flops_per_image: float
    peak_memory_bytes: int
    prepare_seconds: float
    draw_seconds: float
    dtype: str
    threads: int
    device: str
    contended: bool
    load: float
    reused: bool
    latency_ms_p50_error: float | None = None
    latency_ms_p90_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What training cost; `reused` if the weights came from the store and the cost was paid by an earlier run."""

    seconds: float
    steps: int
    images: int
    reused: bool


@dataclass(frozen=True, kw_only=True)
class ArtifactIds:
    """The content-addressed artifacts that the run joined."""

    model: str
    samples: str
    timing: str


@dataclass(frozen=True, kw_only=True)
class ProvenanceRecord:
    """Where the numbers come from."""

    git_commit: str | None
    versions: dict[str, str]
    hardware: dict[str, Any]
    seeds: dict[str, int]
    command: str
    utc: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything known about one run. Runs of equal `family` differ in nothing but their seeds.

    A done run has dataset, training, sampling and artifacts; any other has a reason and may lack what it did not reach.
    """

    run_id: str
    status: Status
    family: str
    config: dict[str, Any]
    model: ModelRecord
    sampler: SamplerRecord
    provenance: ProvenanceRecord
    reason: str | None = None
    quick: bool = False
    dataset: DatasetRecord | None = None
    features: tuple[FeaturesRecord, ...] = ()
    metrics: Scores = field(default_factory=dict)
    metrics_at_floor: Scores = field(default_factory=dict)
    references: dict[str, Scores] = field(default_factory=dict)
    training: TrainingRecord | None = None
    sampling: SamplingRecord | None = None
    artifacts: ArtifactIds | None = None

    def __post_init__(self) -> None:
        if self.status is Status.DONE:
            for name in ("dataset", "training", "sampling", "artifacts"):
                if getattr(self, name) is None:
                    raise RecordError(f"{name}: found nothing, expected it to be there in a run that is done")
        elif not self.reason:
            raise RecordError(f"reason: found none, expected why the run is {self.status.value}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, schema_version first."""
        content: dict[str, Any] = encode(self)
        return {"schema_version": SCHEMA_VERSION, **content}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RunRecord:
        """The inverse of `to_json`; raises RecordError for anything that docs/results.md does not describe."""
        if not isinstance(content, Mapping):
            raise mismatch("the record", content, "an object")
        version = content.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise RecordError(
                f"schema_version: found {version}, expected at most {SCHEMA_VERSION}: the record was written by a newer"
                " genbench; upgrade genbench to read it"
            )
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise mismatch("schema_version", version, str(SCHEMA_VERSION))
        record: RunRecord = decode(cls, {key: value for key, value in content.items() if key != "schema_version"}, "")
        return record


def read_record(path: Path) -> RunRecord:
    """The record in a file; RecordError names the file and the field."""
    try:
        return RunRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise RecordError(f"{path}: not JSON: {error}") from error
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from None


def write_record(path: Path, record: RunRecord) -> None:
    """Write atomically. A record that could not be read back raises RecordError and leaves the file as it was."""
    content = record.to_json()
    RunRecord.from_json(content)
    write_json(path, content)
