"""One run's record, result.json: typed, versioned, checked when built and when read; docs/results.md describes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.store.files import write_json
from genbench.store.typed_json import RecordError as RecordError
from genbench.store.typed_json import decode, encode, mismatch

SCHEMA_VERSION = 2


class OlderRecordError(RecordError):
    """A record of an earlier schema: listed, never read."""


class Status(StrEnum):
    """What came of a run. Readers show a status that they do not know as it is."""

    DONE = "done"
    FAILED = "failed"
    DIVERGED = "diverged"
    INCOMPATIBLE = "incompatible"


GENERATED, AT_HELD_OUT, HELD_OUT, NOISE = "generated", "generated_at_held_out", "held_out", "noise"
"""The rows that every run has: its images, the first of them at the held-out split's size, and the references."""

Measurements = dict[str, Measurement]
"""By "<extractor>/<measure>"; by "<measure>" alone where no extractor is involved (bits_per_dim)."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Where an artifact comes from. `parts` are those of its identity, by name (empty where a record quotes it: they
    stay beside the artifact); `libraries` the versions of what its code imports; `seconds` what making it took.
    """

    parts: dict[str, Any]
    versions: dict[str, str]
    hardware: dict[str, Any]
    threads: int
    processes: int
    utc: str
    command: str
    seconds: float
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """An artifact that the run joins: artifacts/<kind>/<id>, or <id>.json.

    `name` says what it is in this run ("denoiser" of the stages, "generated/pixels/recall" of the scores) and is unique
    among those of its kind. `reused` if it was there before the run; `made` is then quoted, and of what the run made
    itself the record's own provenance holds. A run that is not done lists what it would have joined, as far as that is
    known: it goes on from there.
    """

    kind: str
    id: str
    reused: bool
    name: str = ""
    made: Made | None = None

    @property
    def key(self) -> str:
        """Its place in the run: "stages/denoiser"."""
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """The real images: `splits` counts them."""

    name: str
    fingerprint: str
    splits: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ImagesRecord:
    """A set of images: `count` of the collection `id` from number `first` on; `name` says what they are."""

    id: str
    first: int
    count: int
    name: str
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class ChoiceRecord:
    """A registered thing with its options: a sampler, schedule, grid, guidance, task, extractor or metric."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """A stage of the model: `id` is that of its artifact."""

    name: str
    id: str


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """The generator: `plugin` is the entry point that brought it. A model without stages is pretrained, and known by
    its `fingerprint`. `libraries` are the versions of what its learners import now; a stage that was there before
    quotes those that it was trained with.
    """

    name: str
    plugin: str
    plugin_version: str
    options: dict[str, Any] = field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    fingerprint: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """One time that the clock was read: a timing is a list of sittings."""

    utc: str
    measurements: Measurements
    load: float


@dataclass(frozen=True, kw_only=True)
class TimingRecord:
    """What the clock saw. Clock numbers of runs are pooled only where `family`, the timing's id without its training
    and sampling seeds, is equal.
    """

    id: str
    family: str
    batch_size: int
    dtype: str
    device: str
    threads: int
    fast: bool
    sittings: tuple[Sitting, ...]


@dataclass(frozen=True, kw_only=True)
class ProvenanceRecord:
    """Where and how the run was made; what was reused says so itself, in its artifact's `made`."""

    git_commit: str | None
    versions: dict[str, str]
    hardware: dict[str, Any]
    seeds: dict[str, int]
    command: str
    utc: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything known about one run. Runs of equal `family` differ in nothing but their seeds.

    A done run has images, and a model and a timing perhaps: trained here, pretrained, or images that were given. Any
    other has a reason and what was made before. `rows` are measurements by row ("generated", "held_out", …), `costs`
    those of the clock and of training, `measures` says once what each measure is; `left_out` why a metric gave nothing.
    """

    run_id: str
    status: str
    family: str
    config: dict[str, Any]
    provenance: ProvenanceRecord
    reason: str | None = None
    quick: bool = False
    overrides: tuple[str, ...] = ()
    dataset: DatasetRecord | None = None
    images: ImagesRecord | None = None
    reference: ImagesRecord | None = None
    model: ModelRecord | None = None
    sampler: ChoiceRecord | None = None
    task: ChoiceRecord | None = None
    values: dict[str, ChoiceRecord] = field(default_factory=dict)
    timing: TimingRecord | None = None
    features: dict[str, ChoiceRecord] = field(default_factory=dict)
    metrics: dict[str, ChoiceRecord] = field(default_factory=dict)
    measures: dict[str, MeasureInfo] = field(default_factory=dict)
    rows: dict[str, Measurements] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    costs: Measurements = field(default_factory=dict)
    artifacts: tuple[ArtifactRecord, ...] = ()

    def __post_init__(self) -> None:
        if self.status == Status.DONE:
            if self.images is None:
                raise RecordError("found nothing, expected those of a run that is done", "images")
        elif not self.reason:
            raise RecordError(f"found none, expected why the run is {self.status}", "reason")

    @property
    def name(self) -> str:
        """What the run is called in tables: its model, or what its images are."""
        if self.model is not None:
            return self.model.name
        return self.images.name if self.images else self.run_id

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, schema_version first."""
        content: dict[str, Any] = encode(self)
        return {"schema_version": SCHEMA_VERSION, **content}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RunRecord:
        """The inverse of `to_json`; raises RecordError for anything that docs/results.md does not describe."""
        if not isinstance(content, Mapping):
            raise mismatch(content, "an object", "the record")
        version = content.get("schema_version")
        if not isinstance(version, int) or isinstance(version, bool):
            raise mismatch(version, str(SCHEMA_VERSION), "schema_version")
        if version > SCHEMA_VERSION:
            raise RecordError(
                f"found {version}, expected at most {SCHEMA_VERSION}: the record was written by a newer genbench;"
                " upgrade genbench to read it",
                "schema_version",
            )
        if version < SCHEMA_VERSION:
            raise OlderRecordError(
                f"found {version}, expected {SCHEMA_VERSION}: the record was written by an older genbench; run its"
                " command again to make it anew",
                "schema_version",
            )
        record: RunRecord = decode(cls, {key: value for key, value in content.items() if key != "schema_version"})
        return record


def read_record(path: Path) -> RunRecord:
    """The record in a file. RecordError names the file and the field; OlderRecordError is one of an earlier schema."""
    return _read(path, lambda content: content)


def read_outline(path: Path) -> RunRecord:
    """The record without its config, what it quotes of artifacts, and other rows than that of the generated images: a
    list of thousands has no use for them.
    """
    return _read(path, _outline)


def _read(path: Path, part: Callable[[dict[str, Any]], dict[str, Any]]) -> RunRecord:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return RunRecord.from_json(part(content) if isinstance(content, dict) else content)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not JSON: {error}", str(path)) from None
    except RecordError as error:
        raise type(error)(str(error), str(path)) from None


def _outline(content: dict[str, Any]) -> dict[str, Any]:
    rows, artifacts = content.get("rows"), content.get("artifacts")
    if isinstance(rows, dict):
        content["rows"] = {name: row for name, row in rows.items() if name == GENERATED}
    for artifact in artifacts if isinstance(artifacts, list) else ():
        if isinstance(artifact, dict):
            artifact.pop("made", None)
    return {**content, "config": {}}


def write_record(path: Path, record: RunRecord) -> None:
    """Write atomically. A record that could not be read back raises RecordError and leaves the file as it was."""
    content = record.to_json()
    RunRecord.from_json(content)
    write_json(path, content)
