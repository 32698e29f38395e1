"""Sweeps: which runs one command asked for. A table, a page or a W&B group is *of* a sweep."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from genbench.store.artifacts import write_json


@dataclass(frozen=True)
class Sweep:
    """One command and its runs, as they were finished; those answered from the store are in it like any other."""

    sweep_id: str
    command: str
    utc: str
    runs: tuple[str, ...]


def new_sweep_id() -> str:
    """Sorts by time and is safe against two commands in one second."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def add_run(results: Path, sweep_id: str, command: str, run_id: str) -> None:
    """Name a run in results/sweeps/<id>.json, making the sweep if this is its first."""
    path = results / "sweeps" / f"{sweep_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            content = json.loads(path.read_text())
        else:
            content = {
                "sweep_id": sweep_id,
                "command": command,
                "utc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "runs": [],
            }
        if run_id not in content["runs"]:
            content["runs"].append(run_id)
            write_json(path, content)


def read_sweep(results: Path, sweep_id: str = "") -> Sweep | None:
    """The sweep whose id starts so; the newest one for an empty id; None where there is none."""
    paths = sorted((results / "sweeps").glob(f"{sweep_id}*.json"))
    if not paths:
        return None
    content = json.loads(paths[-1].read_text())
    return Sweep(content["sweep_id"], content["command"], content["utc"], tuple(content["runs"]))
