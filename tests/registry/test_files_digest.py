"""Digests of files that plugins declare: of their content, read once."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from genbench.registry import files
from genbench.registry.files import files_digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, empty memory, and every file large."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "_known", {})
    monkeypatch.setattr(files, "LARGE", 1)
    return tmp_path / "cache"


def old(path: Path, content: bytes, age: float = 60.0) -> Path:
    """A file that was last changed a while ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_content_counts_and_the_place_does_not(tmp_path: Path) -> None:
    a, b, c = (old(tmp_path / name, content) for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")))
    assert files_digest([a]) == files_digest([str(b)]) != files_digest([c])
    assert files_digest([a, c]) != files_digest([c, a])
    assert len(files_digest([])) == 16


def test_of_a_folder_names_and_content_count(tmp_path: Path) -> None:
    for place in ("one", "two", "three", "four"):
        old(tmp_path / place / "model" / "weights.bin", b"1")
        old(tmp_path / place / "index.json", b"{}")
    (tmp_path / "three" / "index.json").rename(tmp_path / "three" / "other.json")
    old(tmp_path / "four" / "model" / "weights.bin", b"2")
    one, two, three, four = (files_digest([tmp_path / place]) for place in ("one", "two", "three", "four"))
    assert one == two
    assert len({one, three, four}) == 3


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*missing"):
        files_digest([tmp_path / "missing"])


def test_a_file_is_read_once_and_again_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old(tmp_path / "weights", b"1")
    first = files_digest([path])
    reads: list[str] = []
    read = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: reads.append(file.name) or read(file, kind))
    assert files_digest([path]) == first
    monkeypatch.setattr(files, "_known", {})  # another process
    assert files_digest([path]) == first
    assert reads == [], "it was remembered"
    old(path, b"2", age=30)
    assert files_digest([path]) != first
    assert reads == [str(path)]


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"1")
    moment = path.stat().st_mtime_ns
    first = files_digest([path])
    path.write_bytes(b"2")
    os.utime(path, ns=(moment, moment))  # as if within one tick of the file system's clock
    assert files_digest([path]) != first


@pytest.mark.parametrize("note", ["", "1 2", "x y z", "1 1 short"])
def test_a_note_that_makes_no_sense_is_ignored(tmp_path: Path, cache: Path, note: str) -> None:
    path = old(tmp_path / "weights", b"1")
    first = files_digest([path])
    (written,) = (cache / "genbench" / "digests").iterdir()
    written.write_text(note)
    files._known.clear()
    assert files_digest([path]) == first


def test_without_a_place_for_notes_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert files_digest([old(tmp_path / "a", b"1")]) == files_digest([old(tmp_path / "b", b"1")])
