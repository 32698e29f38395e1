"""Locks hold against threads, processes and users, and lie in a folder that all of them may write to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from genbench.drawing import locks

NOBODY = 65534
OTHER = """
import os, sys
from genbench.drawing import locks
name, user = sys.argv[1], int(sys.argv[2])
if user != os.getuid():
    os.setgroups([]), os.setgid(user), os.setuid(user)
print("held" if locks.try_acquire(name) is None else "free")
"""


def other_process(name: str, user: int = os.getuid()) -> str:
    """Whether another process, perhaps another user's, finds the lock free."""
    done = subprocess.run(
        [sys.executable, "-c", OTHER, name, str(user)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(locks.__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_lock_is_held_against_other_processes_until_it_is_released() -> None:
    with locks.hold("gpu"):
        assert other_process("gpu") == "held"
        assert other_process("another") == "free"
    assert other_process("gpu") == "free"


def test_a_lock_is_held_against_this_process_too() -> None:
    lock = locks.try_acquire("gpu")
    assert lock is not None
    assert locks.try_acquire("gpu") is None
    locks.release(lock)
    with locks.hold("gpu"):
        assert locks.try_acquire("gpu") is None
    assert locks.try_acquire("gpu") is not None


def test_whoever_asks_for_a_held_lock_waits_for_it() -> None:
    order: list[str] = []

    def second() -> None:
        with locks.hold("gpu"):
            order.append("second")

    with locks.hold("gpu"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.05)
        order.append("first")
    thread.join(timeout=60)
    assert order == ["first", "second"]


def test_a_forked_child_does_not_keep_it() -> None:
    lock = locks.try_acquire("gpu")
    assert lock is not None
    child = os.dup(lock)  # what a child inherits: the same open file
    locks.release(lock)
    assert locks.try_acquire("gpu") is not None
    os.close(child)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_folder_and_files_are_everybodys_whatever_the_umask(umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ[locks.VARIABLE]) / "deep"
    monkeypatch.setenv(locks.VARIABLE, str(folder))
    before = os.umask(umask)
    try:
        with locks.hold("gpu"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert [path.name for path in folder.iterdir()] == ["gpu.lock"]
    assert stat.S_IMODE((folder / "gpu.lock").stat().st_mode) == 0o666
    assert [path.name for path in folder.parent.iterdir()] == ["deep"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_another_user_shares_the_lock_whoever_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(f"/tmp/genbench-test-locks-{os.getpid()}")  # pytest's own folders are closed to other users
    monkeypatch.setenv(locks.VARIABLE, str(folder))
    try:
        with locks.hold("roots"):
            assert other_process("roots", NOBODY) == "held"
            assert other_process("theirs", NOBODY) == "free"
        assert other_process("roots", NOBODY) == "free"
        assert (folder / "theirs.lock").stat().st_uid == NOBODY
        with locks.hold("theirs"):
            assert other_process("theirs", NOBODY) == "held"
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_a_file_that_is_there_is_opened_as_the_kernel_demands(monkeypatch: pytest.MonkeyPatch) -> None:
    """fs.protected_regular: O_CREAT on another's file in a sticky folder is refused, unless it must be new (O_EXCL)."""
    with locks.hold("gpu"):
        pass
    plain_open, opened = os.open, []

    def protected(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and not flags & os.O_EXCL and os.path.exists(path):
            raise PermissionError(13, "Permission denied", str(path))
        opened.append(path)
        return plain_open(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", protected)
    with locks.hold("gpu"):
        pass
    assert [Path(path).name for path in opened] == ["gpu.lock"]


def test_a_file_that_another_makes_meanwhile_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    link, theirs = os.link, []

    def late(source: Any, target: Any) -> None:
        theirs.append(Path(target))
        theirs[0].touch()
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with locks.hold("gpu"):
        assert [path.name for path in theirs[0].parent.iterdir()] == ["gpu.lock"]


def test_a_folder_that_another_makes_meanwhile_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = Path(os.environ[locks.VARIABLE]), os.rename

    def late(source: Any, target: Any) -> None:
        folder.mkdir()
        (folder / "theirs.lock").touch()
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    with locks.hold("gpu"):
        assert sorted(path.name for path in folder.iterdir()) == ["gpu.lock", "theirs.lock"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_folder_does_not_depend_on_a_users_own_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(locks.VARIABLE)
    monkeypatch.setattr(locks, "SYSTEM_FOLDER", tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "mine"))
    with locks.hold("gpu"):
        pass
    assert (tmp_path / "tmp" / "genbench-locks" / "gpu.lock").exists()
    monkeypatch.setattr(locks, "SYSTEM_FOLDER", tmp_path / "nowhere")
    with locks.hold("gpu"):
        pass
    assert (tmp_path / "mine" / "genbench-locks" / "gpu.lock").exists()


def test_a_folder_that_cannot_be_used_is_named_with_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(locks.VARIABLE, str(tmp_path / "file" / "locks"))
    with pytest.raises(OSError, match=r"device locks, .*file/locks, cannot be used: .* \(set GENBENCH_LOCKS"):
        locks.try_acquire("gpu")
