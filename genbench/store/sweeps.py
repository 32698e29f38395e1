"""Sweeps: which runs one command asked for, and how far each job is. A table, a page or a W&B group is *of* a sweep.

    sweeps/<id>/sweep.json      the command, its axes, and each run's number, overrides, place on the axes and run_id
    sweeps/<id>/jobs/<n>.json   written first, as "pending"; then by the job itself, wherever it runs

A job needs nothing but the folder to report: no environment, no scratch folder. Sweeps of earlier versions are single
files, sweeps/<id>.json, and are read as jobs that are done.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from genbench.store.files import write_json
from genbench.store.provenance import now
from genbench.store.typed_json import RecordError, decode, encode, mismatch

SCHEMA_VERSION = 2

JobState = Literal["pending", "running", "done", "failed", "refused", "lost"]
"""`done` has a record, of whatever status; `failed` has that of an earlier command and failed itself; `refused` could
not be begun; `lost` was given up without a record."""
ENDED: tuple[JobState, ...] = ("done", "failed", "refused")

Axes = dict[str, tuple[str, ...]]
"""The values of each axis of one list of overrides, which is multiplied out: {"model": ("gan", "pixelcnn")}."""


class ManyMatchesError(LookupError):
    """The start of an id that several sweeps share; the message names them."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a sweep, from before it is begun.

    `axes` is its place on the axes of its list of overrides, of which a command may have several: `of_list` says which.
    `progress` is a line about what it does now, `objective` the number that a search asked for, `utc` when it last
    reported.
    """

    number: int
    overrides: tuple[str, ...] = ()
    of_list: int = 0
    axes: dict[str, str] = field(default_factory=dict)
    state: JobState = "pending"
    run_id: str | None = None
    objective: float | None = None
    progress: str | None = None
    reason: str | None = None
    utc: str = ""


PLANNED = ("number", "overrides", "of_list", "axes", "run_id")
"""The fields of a job that stand in sweep.json."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One command and its jobs, by number. `axes` are those of each of its lists of overrides."""

    sweep_id: str
    command: str
    utc: str
    axes: tuple[Axes, ...] = ()
    jobs: tuple[Job, ...] = ()

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the runs that there are, by job and once each; those answered from the store are among them."""
        return tuple(dict.fromkeys(job.run_id for job in self.jobs if job.run_id))


def new_sweep_id() -> str:
    """Sorts by time and is safe against two commands in one second."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def plan_sweep(results: Path, sweep_id: str, command: str, jobs: Sequence[Job]) -> Sweep:
    """Write a new sweep with its jobs, before the first of them works. Raises ValueError for an id that is taken."""
    folder = _folder(results, sweep_id)
    if (folder / "sweep.json").exists():
        raise ValueError(f"there is a sweep '{sweep_id}' already")
    with _lock(folder):
        return _add(folder, Sweep(sweep_id=sweep_id, command=command, utc=now()), jobs)


def add_jobs(results: Path, sweep_id: str, jobs: Sequence[Job]) -> Sweep:
    """Plan further jobs: a search does not know beforehand how many it needs. Raises ValueError for a number that is
    taken.
    """
    folder = _folder(results, sweep_id)
    with _lock(folder):
        return _add(folder, _read(folder), jobs)


def update_job(results: Path, sweep_id: str, number: int, **changes: Any) -> Job:
    """What a job reports: `changes` are fields of Job. The run's id goes into sweep.json too."""
    folder = _folder(results, sweep_id)
    path = _job_file(folder, number)
    job = replace(_read_job(path), utc=now(), **changes)
    write_json(path, encode(job))
    if "run_id" in changes:
        with _lock(folder):
            sweep = _read_plan(folder)
            _write(folder, replace(sweep, jobs=tuple(job if each.number == number else each for each in sweep.jobs)))
    return job


def read_sweep(results: Path, prefix: str = "") -> Sweep | None:
    """The sweep of this id, or the only one whose id starts so; the newest for ""; None where there is none.

    Raises ManyMatchesError, and RecordError for a file that holds no sweep.
    """
    matches = [sweep_id for sweep_id in sweep_ids(results) if sweep_id.startswith(prefix)]
    if not matches:
        return None
    if prefix and len(matches) > 1 and prefix not in matches:
        names = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")
        raise ManyMatchesError(f"'{prefix}' is the start of {len(matches)} sweeps: {names}")
    folder = _folder(results, prefix if prefix in matches else matches[0])
    return _read(folder) if (folder / "sweep.json").exists() else _read_file(folder.with_name(f"{folder.name}.json"))


def sweep_ids(results: Path) -> list[str]:
    """All ids, newest first."""
    folders = {path.parent.name for path in (results / "sweeps").glob("*/sweep.json")}
    return sorted(folders | {path.stem for path in (results / "sweeps").glob("*.json")}, reverse=True)


def lost_jobs(sweep: Sweep) -> list[Job]:
    """The jobs that were planned and never reported an end; to be asked once nobody works on them any more."""
    return [job for job in sweep.jobs if job.state not in ENDED]


def forget_run(results: Path, run_id: str) -> None:
    """Take a run and its jobs out of every sweep; a sweep that is left without jobs goes too.

    A sweep that cannot be read is left as it is.
    """
    for sweep_id in sweep_ids(results):
        folder = _folder(results, sweep_id)
        with suppress(RecordError), _lock(folder):
            if (folder / "sweep.json").exists():
                _forget(folder, _read(folder), run_id)
            else:
                _forget_in_file(folder.with_name(f"{sweep_id}.json"), run_id)


def drop_sweep(results: Path, sweep_id: str) -> None:
    """Take a sweep away, and the folders that are empty without it; runs stay."""
    folder = _folder(results, sweep_id)
    shutil.rmtree(folder)
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    with suppress(OSError):  # other things lie in them
        folder.parent.rmdir()
        results.rmdir()


def _forget(folder: Path, sweep: Sweep, run_id: str) -> None:
    kept = tuple(job for job in sweep.jobs if job.run_id != run_id)
    if not kept:
        shutil.rmtree(folder)
    elif len(kept) < len(sweep.jobs):
        _write(folder, replace(sweep, jobs=kept))
        for job in sweep.jobs:
            if job.run_id == run_id:
                _job_file(folder, job.number).unlink(missing_ok=True)


def _add(folder: Path, sweep: Sweep, jobs: Sequence[Job]) -> Sweep:
    taken = {job.number for job in sweep.jobs}
    for job in jobs:
        if job.number in taken:
            raise ValueError(f"sweep '{sweep.sweep_id}' has a job {job.number} already")
        taken.add(job.number)
        write_json(_job_file(folder, job.number), encode(job))
    every = tuple(sorted((*sweep.jobs, *jobs), key=lambda job: job.number))
    grown = replace(sweep, jobs=every, axes=_axes(every))
    _write(folder, grown)
    return grown


def _axes(jobs: Iterable[Job]) -> tuple[Axes, ...]:
    """The axes of each list, with their values in the order of the jobs."""
    lists: dict[int, dict[str, dict[str, None]]] = {}
    for job in jobs:
        for axis, value in job.axes.items():
            lists.setdefault(job.of_list, {}).setdefault(axis, {})[value] = None
    return tuple(
        {axis: tuple(values) for axis, values in lists.get(number, {}).items()}
        for number in range(max(lists, default=-1) + 1)
    )


def _write(folder: Path, sweep: Sweep) -> None:
    runs = [{name: value for name, value in encode(job).items() if name in PLANNED} for job in sweep.jobs]
    head = {"sweep_id": sweep.sweep_id, "command": sweep.command, "utc": sweep.utc, "axes": encode(sweep.axes)}
    write_json(folder / "sweep.json", {"schema_version": SCHEMA_VERSION, **head, "runs": runs})


def _read(folder: Path) -> Sweep:
    """The sweep in a folder; the jobs' own files say how far they are."""
    sweep = _read_plan(folder)
    files = [(job, _job_file(folder, job.number)) for job in sweep.jobs]
    return replace(sweep, jobs=tuple(_read_job(file) if file.exists() else job for job, file in files))


def _read_plan(folder: Path) -> Sweep:
    path = folder / "sweep.json"
    content = _json(path)
    version = content.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise mismatch(version, str(SCHEMA_VERSION), f"{path}: schema_version")
    content["jobs"] = content.pop("runs", None)
    sweep: Sweep = decode(Sweep, content, str(path))
    return sweep


def _read_job(path: Path) -> Job:
    job: Job = decode(Job, _json(path), str(path))
    return job


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecordError(f"not JSON: {error}", str(path)) from None
    if not isinstance(content, dict):
        raise RecordError(f"found {type(content).__name__}, expected an object", str(path))
    return content


# ------------------------------------------------------------------------------------- sweeps of earlier versions


def _read_file(path: Path) -> Sweep:
    content = _json(path)
    try:
        runs = [str(run) for run in content["runs"]]
        jobs = tuple(Job(number=i, state="done", run_id=run) for i, run in enumerate(runs))
        return Sweep(sweep_id=path.stem, command=str(content["command"]), utc=str(content["utc"]), jobs=jobs)
    except (KeyError, TypeError):
        raise RecordError("no sweep: expected sweep_id, command, utc and runs", str(path)) from None


def _forget_in_file(path: Path, run_id: str) -> None:
    content, runs = _json(path), _read_file(path).runs
    kept = [run for run in runs if run != run_id]
    if not kept:
        path.unlink()
    elif len(kept) < len(runs):
        write_json(path, {**content, "runs": kept})


def _folder(results: Path, sweep_id: str) -> Path:
    return results / "sweeps" / sweep_id


def _job_file(folder: Path, number: int) -> Path:
    return folder / "jobs" / f"{number}.json"


def _lock(folder: Path) -> FileLock:
    """Beside the folder, which may be deleted under it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(folder.with_name(f"{folder.name}.lock"))
