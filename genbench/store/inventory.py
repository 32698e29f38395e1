"""What a results folder holds: runs and their sizes, what they refer to, and what nobody needs any more.

A run refers to its model, samples and timing by the ids in its record. Features are named by hashes of what a record
holds. Scores are not, so they stay as long as there is any run; they are small.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from genbench.running.identity import digest
from genbench.store.artifacts import write_json
from genbench.store.records import RecordError, RunRecord, Status, read_record

STALE = 24 * 3600.0
"""Seconds after which what an interrupted process left is nobody's."""
UNFINISHED, UNREADABLE = "unfinished", "unreadable"
STATES = (*(status.value for status in Status), UNFINISHED, UNREADABLE)


@dataclass(frozen=True)
class StoredRun:
    """A run's folder. Without a record it is at work or was killed (`unfinished`), or is `unreadable`: `problem`."""

    folder: Path
    record: RunRecord | None
    problem: str = ""

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> str:
        """One of STATES."""
        if self.record is None:
            return UNREADABLE if self.problem else UNFINISHED
        return self.record.status.value

    @property
    def utc(self) -> str:
        """When it was begun, as far as that is known, as 2026-01-31T12:00:00Z."""
        if self.record is not None:
            return self.record.provenance.utc
        return f"{datetime.fromtimestamp(self.folder.stat().st_mtime, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Waste:
    """Something that can be deleted, why, and the lock under which that is done."""

    path: Path
    why: str
    size: int
    lock: Path | None


def stored_runs(results: Path) -> list[StoredRun]:
    """Every run in the folder, oldest first."""
    marks = (file for name in ("config.yaml", "result.json") for file in results.glob(f"*/{name}"))
    return sorted(
        (_stored(folder) for folder in {file.parent for file in marks}), key=lambda run: (run.utc, run.run_id)
    )


def _stored(folder: Path) -> StoredRun:
    path = folder / "result.json"
    try:
        return StoredRun(folder, read_record(path) if path.exists() else None)
    except RecordError as error:
        return StoredRun(folder, None, str(error))


def artifacts(results: Path, record: RunRecord) -> dict[str, Path]:
    """Where the model, the samples and the timing of a run lie."""
    if record.artifacts is None:
        return {}
    folder, ids = results / "artifacts", record.artifacts
    return {
        "model": folder / "models" / ids.model,
        "samples": folder / "samples" / ids.samples,
        "timing": folder / "timings" / f"{ids.timing}.json",
    }


def size(path: Path) -> int:
    """Bytes in a file, or in all files below a folder; 0 for what is not there."""
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        try:
            total += file.lstat().st_size if not file.is_dir() else 0
        except FileNotFoundError:  # renamed or deleted by a run that is at work
            continue
    return total


def delete_run(results: Path, run_id: str) -> None:
    """Delete the run's folder, and its name from every sweep; a sweep without runs goes too. Artifacts stay."""
    for path in (results / "sweeps").glob("*.json"):
        with FileLock(path.with_suffix(".lock")):
            content = json.loads(path.read_text())
            kept = [name for name in content["runs"] if name != run_id]
            if not kept:
                path.unlink()
            elif len(kept) < len(content["runs"]):
                write_json(path, {**content, "runs": kept})
    shutil.rmtree(results / run_id)


# ----------------------------------------------------------------------------------------------------------- pruning


def undecided(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Runs whose artifacts are not known: they may go on from any, so that none can be called unused."""
    return [run for run in runs if run.status != Status.INCOMPATIBLE and (not run.record or not run.record.artifacts)]


def find_waste(results: Path) -> list[Waste]:
    """Artifacts that no run refers to, and day-old leftovers of killed processes; nothing that a process has locked."""
    made = [path for kind in ("models", "samples", "timings", "features", "scores") for path in _made(results, kind)]
    runs = stored_runs(results)  # after the artifacts were listed: the run of each of them is then among these
    found = [Waste(path, "no run refers to it", size(path), _lock(path)) for path in _unused(results, made, runs)]
    needed = set(_needed(results, runs))
    for path in (results / "artifacts").glob("*/*.partial"):
        if path.with_suffix("") not in needed and _stale(path):
            found.append(Waste(path, "left by an interrupted run", size(path), _lock(path.with_suffix(""))))
    for path in (*results.glob("*/*.writing"), *results.glob("artifacts/*/*.writing")):
        if _stale(path):
            found.append(Waste(path, "left by an interrupted write", size(path), None))
    for path in (*(results / "artifacts" / "locks").glob("*.lock"), *(results / "sweeps").glob("*.lock")):
        if _stale(path):
            found.append(Waste(path, "a lock that nobody holds", size(path), path))
    return [waste for waste in found if waste.lock is None or not _held(waste.lock)]


def remove(found: Sequence[Waste]) -> list[Waste]:
    """Delete these, each under its lock; what a process has locked meanwhile is left. Returns what was deleted."""
    return [waste for waste in found if _remove(waste)]


def _remove(waste: Waste) -> bool:
    if waste.lock is None:
        _discard(waste.path)
        return True
    waste.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(waste.lock, timeout=0):
            if waste.path != waste.lock:
                _discard(waste.path)
            waste.lock.unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _discard(path: Path) -> None:
    """Delete a file or folder; a folder is renamed first, so that nobody ever finds half an artifact."""
    if path.is_dir():
        shutil.rmtree(path.rename(path.with_name(f"{path.name}.{os.getpid()}.writing")))
    else:
        path.unlink(missing_ok=True)


def _made(results: Path, kind: str) -> Iterator[Path]:
    for path in (results / "artifacts" / kind).glob("*"):
        if path.suffix not in (".partial", ".writing"):
            yield path


def _unused(results: Path, made: Sequence[Path], runs: Sequence[StoredRun]) -> list[Path]:
    if undecided(runs):
        return []
    needed = set(_needed(results, runs))
    kept = {"scores"} if runs else set()
    if any(run.status in (Status.FAILED, Status.DIVERGED) for run in runs):
        kept.add("features")  # which extractors these runs had used is in no record
    return [path for path in made if path not in needed and path.parent.name not in kept]


def _needed(results: Path, runs: Iterable[StoredRun]) -> Iterator[Path]:
    for run in runs:
        if run.record is not None:
            yield from artifacts(results, run.record).values()
            yield from _features(results, run.record)


def _features(results: Path, record: RunRecord) -> Iterator[Path]:
    """Features of the samples, of every split and of the noise, named as genbench/evaluation.py names them."""
    if record.artifacts is None or record.dataset is None or record.sampling is None:
        return
    sets = [record.artifacts.samples]
    sets += [digest(dataset=record.dataset.fingerprint, split=split) for split in record.dataset.splits]
    images = artifacts(results, record)["samples"] / "images.npy"
    if images.exists():  # the one place that knows the shape of the noise
        shape = tuple(np.load(images, mmap_mode="r").shape[1:])
        sets.append(digest(noise="uniform", shape=shape, count=record.sampling.num_samples, seed=0))
    for extractor in record.features:
        for image_set in sets:
            name = digest(images=image_set, extractor=extractor.fingerprint)
            yield results / "artifacts" / "features" / f"{name}.safetensors"


def _lock(path: Path) -> Path:
    """The lock of an artifact, as genbench/store/artifacts.py names it."""
    return path.parent.parent / "locks" / f"{path.parent.name}-{path.name}.lock"


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _stale(path: Path) -> bool:
    """Whether nothing at or below the path changed for a day."""
    changed = max((file.lstat().st_mtime for file in (path, *path.rglob("*"))), default=0.0)
    return time.time() - changed > STALE
