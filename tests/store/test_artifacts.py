"""Artifacts are made once, whole or not at all; sweeps name their runs."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from genbench.store.artifacts import Store, write_json
from genbench.store.sweeps import add_run, new_sweep_id, read_sweep


def test_an_artifact_is_made_once(tmp_path: Path) -> None:
    store, calls = Store(tmp_path), []

    def build(side: Path) -> None:
        calls.append(side)
        side.write_text("content")

    first, again = store.make("kind", "name", build), store.make("kind", "name", build)
    assert (first.reused, again.reused, len(calls)) == (False, True, 1)
    assert first.path.read_text() == "content"
    assert not calls[0].exists()


def test_a_failed_build_leaves_no_artifact_and_keeps_what_it_had(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fails(side: Path) -> None:
        side.mkdir()
        (side / "checkpoint").write_text("half")
        raise RuntimeError("stop")

    def resumes(side: Path) -> None:
        assert (side / "checkpoint").read_text() == "half"
        (side / "result").write_text("whole")

    with pytest.raises(RuntimeError, match="stop"):
        store.make("models", "a", fails)
    assert not store.path("models", "a").exists()
    assert (store.make("models", "a", resumes).path / "result").read_text() == "whole"


def test_two_at_once_share_the_work(tmp_path: Path) -> None:
    store, built = Store(tmp_path), []

    def build(side: Path) -> None:
        built.append(1)
        time.sleep(0.2)
        side.write_text("x")

    made = []
    threads = [threading.Thread(target=lambda: made.append(store.make("k", "n", build))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert sorted(m.reused for m in made) == [False, True, True, True]


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_sweeps_keep_their_runs_in_order_and_once(tmp_path: Path) -> None:
    sweep = new_sweep_id()
    for run in ("b", "a", "b"):
        add_run(tmp_path, sweep, "genbench run -m", run)
    found = read_sweep(tmp_path, sweep[:10])
    assert found is not None
    assert (found.sweep_id, found.command, found.runs) == (sweep, "genbench run -m", ("b", "a"))


def test_the_newest_sweep_is_the_default(tmp_path: Path) -> None:
    assert read_sweep(tmp_path) is None
    for sweep in ("20260101-000000-aaaa", "20270101-000000-aaaa", "20260601-000000-aaaa"):
        add_run(tmp_path, sweep, "", "run")
    newest = read_sweep(tmp_path)
    assert newest is not None
    assert newest.sweep_id.startswith("2027")
