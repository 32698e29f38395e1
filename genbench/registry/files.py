"""Content digests of files that code reads, remembered while a file's size and time of change stay."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from genbench.registry.sources import stamp

LARGE = 1 << 24
"""Bytes from which on a digest is also kept on disk, so that a checkpoint of gigabytes is read once, not once a
process."""
SETTLED = 2 * 10**9
"""Nanoseconds after which a file that was just written is taken to be finished: clocks of file systems are coarse."""

_known: dict[Path, tuple[tuple[int, int], str]] = {}


def files_digest(paths: Iterable[str | Path]) -> str:
    """16 hexadecimal digits that change with the content of these files and folders, but not with where they lie.

    For `fingerprint` of whatever reads files that do not stand beside its source: checkpoints, pipeline folders. The
    order of the paths counts; of a folder, every file below it does, with its name. Digests are remembered by path,
    size and time of change. Raises FileNotFoundError for a path that is not there.
    """
    content = hashlib.sha256()
    for path in map(Path, paths):
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            lines = [f"{file.relative_to(path).as_posix()} {file_digest(file)}" for file in files]
            content.update("\n".join(["folder", *lines, ""]).encode())
        elif path.is_file():
            content.update(f"file {file_digest(path)}\n".encode())
        else:
            raise FileNotFoundError(f"there is no file or folder {path}")
    return content.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of one file, in hexadecimal."""
    path, now = path.absolute(), stamp(path)
    before = _known.get(path)
    if before is not None and before[0] == now:
        return before[1]
    digest = _remembered(path, now) if now[0] >= LARGE else None
    if digest is None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - now[1] < SETTLED or stamp(path) != now:
            return digest
        if now[0] >= LARGE:
            _remember(path, now, digest)
    _known[path] = now, digest
    return digest


def _note(path: Path) -> Path:
    """The file in the user's cache that remembers the digest of this one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return cache / "genbench" / "digests" / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def _remembered(path: Path, now: tuple[int, int]) -> str | None:
    with suppress(OSError, ValueError, RuntimeError):  # no home, no note, or half of one
        size, changed, digest = _note(path).read_text().split()
        if (int(size), int(changed)) == now and len(digest) == 64:
            return digest
    return None


def _remember(path: Path, now: tuple[int, int], digest: str) -> None:
    with suppress(OSError, RuntimeError):  # a cache that cannot be written costs time, nothing else
        note = _note(path)
        note.parent.mkdir(parents=True, exist_ok=True)
        side = note.with_name(f"{note.name}.{os.getpid()}")
        side.write_text(f"{now[0]} {now[1]} {digest}\n")
        os.replace(side, note)
