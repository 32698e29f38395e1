"""What a results folder holds: runs and their sizes, the artifacts they join, and what nobody needs any more.

A record lists every artifact that its run joins, so what no record lists is waste. Three kinds of runs cannot say:

- `older` records, of an earlier schema: nothing reads what they refer to any more, so they keep nothing;
- `unreadable` ones keep the artifacts whose ids stand anywhere in their file, as those of a newer genbench do;
- unreadable ones in which no id stands, and `unfinished` runs, may go on from any artifact: they keep everything.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from genbench.store.files import WRITING
from genbench.store.locks import is_held, lock_path
from genbench.store.records import OlderRecordError, RecordError, RunRecord, Status, read_outline, read_record
from genbench.store.sweeps import forget_run

STALE = 24 * 3600.0
"""Seconds after which what an interrupted process left is nobody's."""
PARTIAL = ".partial"
UNFINISHED, UNREADABLE, OLDER = "unfinished", "unreadable", "older"
STATES = (*(status.value for status in Status), UNFINISHED, UNREADABLE, OLDER)
ID = re.compile(r"\b[0-9a-f]{16}\b")
NO_RUN = "no run refers to it"
OLDER_RUNS = "only records of an older genbench refer to it"


@dataclass(frozen=True)
class StoredRun:
    """A run's folder, and the outline of its record (`read_outline`). Without one it is at work or was killed, or its
    file cannot be read: `problem` says why.
    """

    folder: Path
    outline: RunRecord | None
    problem: str = ""
    older: bool = False

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> str:
        """One of STATES, or another that a newer genbench knows."""
        if self.outline is not None:
            return self.outline.status
        return OLDER if self.older else UNREADABLE if self.problem else UNFINISHED

    @property
    def utc(self) -> str:
        """When it was begun, as far as that is known, as 2026-01-31T12:00:00Z."""
        if self.outline is not None:
            return self.outline.provenance.utc
        return f"{datetime.fromtimestamp(self.folder.stat().st_mtime, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def at_work(self) -> bool:
        """Whether a process is adding to it just now."""
        return is_held(lock_path(self.folder.parent, "run", self.run_id))

    def read(self) -> RunRecord:
        """The whole record. Raises RecordError, which says in a line why there is none."""
        if self.outline is None:
            reason = self.problem or "no record: it is at work, or was killed; the same command goes on with it"
            raise RecordError(reason)
        return read_record(self.folder / "result.json")

    def text(self) -> str:
        """What stands in the file of its record; "" where there is none."""
        path = self.folder / "result.json"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


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
    runs = [_stored(folder) for folder in {file.parent for file in marks}]
    return sorted(runs, key=lambda run: (run.utc, run.run_id))


def _stored(folder: Path) -> StoredRun:
    path = folder / "result.json"
    try:
        return StoredRun(folder, read_outline(path) if path.exists() else None)
    except RecordError as error:
        return StoredRun(folder, None, str(error), older=isinstance(error, OlderRecordError))


def artifacts(results: Path, record: RunRecord) -> dict[str, list[Path]]:
    """The files and folders of each artifact of a run, by "stages/denoiser", "samples", …; none for what is gone."""
    return {artifact.key: _files(results / "artifacts" / artifact.kind, artifact.id) for artifact in record.artifacts}


def size(path: Path) -> int:
    """Bytes in a file, or in all files below a folder; 0 for what is not there."""
    return _size(str(path))


def _size(path: str) -> int:
    try:
        with os.scandir(path) as entries:
            return sum(_entry_size(entry) for entry in entries)
    except NotADirectoryError:
        return os.lstat(path).st_size
    except FileNotFoundError:  # renamed or deleted by a run that is at work
        return 0


def _entry_size(entry: os.DirEntry[str]) -> int:
    try:
        return _size(entry.path) if entry.is_dir(follow_symlinks=False) else entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def artifact_sizes(results: Path) -> dict[tuple[str, str], int]:
    """Bytes of every artifact by kind and id, unfinished ones included: each file is looked at once."""
    sizes: dict[tuple[str, str], int] = {}
    for folder in (results / "artifacts").glob("*/"):
        if folder.name != "locks":
            with os.scandir(folder) as entries:
                for entry in entries:
                    key = folder.name, entry.name.partition(".")[0]
                    sizes[key] = sizes.get(key, 0) + _entry_size(entry)
    return sizes


def delete_run(results: Path, run_id: str) -> None:
    """Delete the run's folder, and its job in every sweep; a sweep without jobs goes too. Artifacts stay."""
    forget_run(results, run_id)
    shutil.rmtree(results / run_id)


# ----------------------------------------------------------------------------------------------------------- pruning


def undecided(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Runs of which nobody can say what they may go on from, so that no artifact can be called unused."""
    return [
        run
        for run in runs
        if run.status == UNFINISHED or run.at_work or (run.status == UNREADABLE and not ID.search(run.text()))
    ]


def find_waste(results: Path) -> list[Waste]:
    """Artifacts that no run refers to, and day-old leftovers of killed processes; nothing that a process has locked."""
    made = list(_made(results))
    runs = stored_runs(results)  # after the artifacts were listed: the run of each of them is then among these
    needed = Needed.by(runs)
    waste = [Waste(path, why, size(path), _lock(results, path)) for path in made if (why := needed.why_not(path))]
    for path in (results / "artifacts").glob(f"*/*{PARTIAL}"):
        if needed.why_not(path) and _stale(path):
            waste.append(Waste(path, "left by an interrupted run", size(path), _lock(results, path)))
    for path in (*results.glob(f"*/*{WRITING}"), *results.glob(f"*/*/*{WRITING}"), *results.glob(f"*/*/*/*{WRITING}")):
        if _stale(path):
            waste.append(Waste(path, "left by an interrupted write", size(path), None))
    for path in (*(results / "artifacts" / "locks").glob("*.lock"), *(results / "sweeps").glob("*.lock")):
        if _stale(path):
            waste.append(Waste(path, "a lock that nobody holds", size(path), path))
    return [each for each in waste if each.lock is None or not is_held(each.lock)]


@dataclass(frozen=True)
class Needed:
    """What runs refer to: artifacts by kind and id, and ids alone; `everything` where one of them cannot say."""

    artifacts: frozenset[tuple[str, str]]
    ids: frozenset[str]
    older: frozenset[str]
    everything: bool

    @classmethod
    def by(cls, runs: Sequence[StoredRun]) -> Needed:
        """What these runs refer to."""
        records = [run.outline for run in runs if run.outline]
        return cls(
            artifacts=frozenset((each.kind, each.id) for record in records for each in record.artifacts),
            ids=_ids(run for run in runs if run.status == UNREADABLE),
            older=_ids(run for run in runs if run.status == OLDER),
            everything=bool(undecided(runs)),
        )

    def why_not(self, path: Path) -> str:
        """Why an artifact is not needed; "" if it is."""
        name = _id(path)
        if self.everything or (path.parent.name, name) in self.artifacts or name in self.ids:
            return ""
        return OLDER_RUNS if name in self.older else NO_RUN


def _ids(runs: Iterable[StoredRun]) -> frozenset[str]:
    return frozenset(name for run in runs for name in ID.findall(run.text()))


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
        shutil.rmtree(path.rename(path.with_name(f"{path.name}.{os.getpid()}{WRITING}")))
    else:
        path.unlink(missing_ok=True)


def _made(results: Path) -> Iterator[Path]:
    """Every whole artifact."""
    for path in (results / "artifacts").glob("*/*"):
        if path.parent.name != "locks" and path.suffix not in (PARTIAL, WRITING):
            yield path


def _files(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / name, folder / f"{name}.json", folder / f"{name}.npz") if path.exists()]


def _id(path: Path) -> str:
    return path.name.partition(".")[0]


def _lock(results: Path, path: Path) -> Path:
    return lock_path(results, path.parent.name, _id(path))


def _stale(path: Path) -> bool:
    """Whether nothing at or below the path changed for a day."""
    changed = max((file.lstat().st_mtime for file in (path, *path.rglob("*"))), default=0.0)
    return time.time() - changed > STALE
