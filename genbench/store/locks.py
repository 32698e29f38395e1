"""One lock an artifact: who makes, grows or deletes it holds it, on whatever machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE = 1.0
"""Seconds of waiting for another process before it is said."""


def lock_path(root: Path, kind: str, name: str) -> Path:
    """The lock of the artifact `name` of a kind, in the results folder `root`."""
    return root / "artifacts" / "locks" / f"{kind}-{name}.lock"


@contextmanager
def held(lock: Path, what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock for the block, waiting for whoever has it; a longer wait is said once."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(lock)
    try:
        file_lock.acquire(timeout=PATIENCE)
    except Timeout:
        say(f"waiting: another process is making {what}")
        file_lock.acquire()
    try:
        yield
    finally:
        file_lock.release()


def is_held(lock: Path) -> bool:
    """Whether a process has the lock just now."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
