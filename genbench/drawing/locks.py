"""Locks that processes of one machine share, whoever runs them: other users, other containers. Imports no torch."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "GENBENCH_LOCKS"
"""The environment variable that names the folder of the locks. Containers that share it share the locks."""
SYSTEM_FOLDER = Path("/tmp")


@contextmanager
def hold(name: str) -> Iterator[None]:
    """Hold the machine's lock of this name, waiting for whoever has it."""
    lock = _acquire(name, fcntl.LOCK_EX)
    try:
        yield
    finally:
        release(lock)


def try_acquire(name: str) -> int | None:
    """The lock of this name, to be given to `release`; None if another has it."""
    try:
        return _acquire(name, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def release(lock: int) -> None:
    """Give a lock back."""
    fcntl.flock(lock, fcntl.LOCK_UN)  # closing would not do while a forked child holds the file too
    os.close(lock)


def _acquire(name: str, how: int) -> int:
    folder = _folder()
    try:
        lock = _open(folder, f"{name}.lock")
    except OSError as error:
        raise OSError(
            f"the folder of device locks, {folder}, cannot be used: {error.strerror} (set {VARIABLE} to a folder that"
            " everybody who works on this machine may write to)"
        ) from error
    try:
        fcntl.flock(lock, how)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _folder() -> Path:
    """The folder of the locks: the same one for every user and whatever TMPDIR says, if nothing else was chosen."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    return (SYSTEM_FOLDER if os.access(SYSTEM_FOLDER, os.W_OK) else Path(tempfile.gettempdir())) / "genbench-locks"


def _open(folder: Path, name: str) -> int:
    """The file of this name, opened for reading and writing, which everybody may.

    A file that is there is opened without O_CREAT: in a folder that everybody may write to, Linux refuses that to all
    but the file's owner (fs.protected_regular). What is new appears with its mode in one step: by the umask alone,
    others would find it closed.
    """
    if not folder.is_dir():
        _make(folder)
    path = folder / name
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        file, side = tempfile.mkstemp(dir=folder, prefix=f"{name}.")
        try:
            os.fchmod(file, 0o666)
            with suppress(FileExistsError):
                os.link(side, path)
        finally:
            os.close(file)
            os.unlink(side)


def _make(folder: Path) -> None:
    """A folder in which everybody may create files and remove only their own, as in /tmp."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    side = tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.")
    os.chmod(side, 0o1777)
    try:
        os.rename(side, folder)
    except OSError:  # another process made it meanwhile
        os.rmdir(side)
