"""The content-addressed store: each artifact is made once, under a lock, to the side, and renamed when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

PATIENCE = 1.0  # seconds of waiting for another process before it is said


@dataclass(frozen=True)
class Made:
    """Where an artifact lies, and whether it was there before."""

    path: Path
    reused: bool


@dataclass(frozen=True)
class Store:
    """A results folder: artifacts/<kind>/<id>, <run_id>/, sweeps/. `say` hears when another process is waited for."""

    root: Path
    say: Callable[[str], None] = lambda text: None

    def path(self, kind: str, name: str) -> Path:
        """Where the artifact lies, or would."""
        return self.root / "artifacts" / kind / name

    def run_dir(self, run_id: str) -> Path:
        """The folder of one run's record, made if it is not there."""
        path = self.root / run_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def make(self, kind: str, name: str, build: Callable[[Path], None]) -> Made:
        """The artifact, built by `build(side)` if it is not there; `side` is a file or folder that build creates.

        A second process that asks meanwhile waits and gets the same one. If `build` fails, what it left at `side` stays
        (a training checkpoint is worth keeping) and the next attempt finds it there.
        """
        path = self.path(kind, name)
        if path.exists():
            return Made(path, reused=True)
        locks = self.root / "artifacts" / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{kind}-{name}.lock")
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            self.say(f"waiting: another process is making {kind} {name}")
            lock.acquire()
        try:
            if path.exists():
                return Made(path, reused=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            side = path.with_name(f"{path.name}.partial")
            build(side)
            os.replace(side, path)
        finally:
            lock.release()
        return Made(path, reused=False)

    def make_json(self, kind: str, name: str, build: Callable[[], Any]) -> tuple[Any, bool]:
        """The same for an artifact that is one JSON value: (value, reused)."""
        made = self.make(kind, f"{name}.json", lambda side: write_json(side, build()))
        return json.loads(made.path.read_text()), made.reused


def write_json(path: Path, value: Any) -> None:
    """Write atomically, whole or not at all."""
    text = json.dumps(value, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_name(f"{path.name}.{os.getpid()}.writing")
    try:
        with side.open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(side, path)
    finally:
        side.unlink(missing_ok=True)


def clear_folder(path: Path) -> Path:
    """An empty folder at `path`, whatever lay there before."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
