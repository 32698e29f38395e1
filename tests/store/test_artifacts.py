"""Artifacts are made once, whole or not at all, and say where they come from."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genbench.interfaces.measurement import Measurement
from genbench.store import artifacts
from genbench.store.artifacts import Store
from genbench.store.files import write_json
from genbench.store.locks import is_held, lock_path
from genbench.store.records import Made


def test_an_artifact_is_made_once(tmp_path: Path) -> None:
    store, calls = Store(tmp_path), []

    def build(side: Path) -> None:
        calls.append(side)
        (side / "weights").write_text("content")

    first, again = store.make("stages", "a", build), store.make("stages", "a", build)
    assert (first.reused, again.reused, len(calls)) == (False, True, 1)
    assert (first.path / "weights").read_text() == "content"
    assert not calls[0].exists()
    assert store.has("stages", "a")
    assert not store.has("stages", "b")


def test_a_failed_build_leaves_no_artifact_and_keeps_what_it_had(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fails(side: Path) -> None:
        (side / "checkpoint").write_text("half")
        raise RuntimeError("stop")

    def resumes(side: Path) -> None:
        assert (side / "checkpoint").read_text() == "half"
        (side / "result").write_text("whole")

    with pytest.raises(RuntimeError, match="stop"):
        store.make("stages", "a", fails)
    assert not store.path("stages", "a").exists()
    assert (store.make("stages", "a", resumes).path / "result").read_text() == "whole"


FORTY_TWO = Measurement(value=42.0, standard_error=1.0, estimand="an answer", n=2)


@pytest.mark.parametrize(
    "make",
    [
        lambda store, build: store.make("stages", "a", lambda side: build()).reused,
        lambda store, build: store.make_json("timings", "a", build)[1],
        lambda store, build: store.make_score("a", lambda: ({"answer": FORTY_TWO}, build()))[1].reused,
    ],
    ids=["make", "make_json", "make_score"],
)
def test_two_at_once_share_the_work(tmp_path: Path, make: Callable[[Store, Callable[[], Any]], bool]) -> None:
    store, begin, together, built = Store(tmp_path), threading.Barrier(4), threading.Barrier(2), []

    def build() -> dict[str, Any]:
        built.append(1)
        with suppress(threading.BrokenBarrierError):
            together.wait(0.2)  # for another one that builds at the same time
        return {}

    def ask() -> None:
        begin.wait()
        reused.append(make(store, build))

    reused: list[bool] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert sorted(reused) == [False, True, True, True]


def _hold(root: Path, ready: Any, done: Any) -> None:
    def build(side: Path) -> None:
        ready.set()
        done.wait(60)

    Store(root).make("stages", "a", build)


def test_waiting_for_another_process_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genbench.store.locks.PATIENCE", 0.01)
    context, said = multiprocessing.get_context("fork"), []
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, done))
    holder.start()
    assert ready.wait(60)
    assert is_held(lock_path(tmp_path, "stages", "a"))

    def say(text: str) -> None:
        said.append(text)
        done.set()

    artifact = Store(tmp_path, say).make("stages", "a", lambda side: pytest.fail("made twice"))
    holder.join(60)
    assert artifact.reused
    assert said == ["waiting: another process is making stages a"]
    assert not is_held(lock_path(tmp_path, "stages", "a"))


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    for value in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises((TypeError, ValueError)):
            write_json(path, value)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


# ----------------------------------------------------------------------------------------------------- provenance


def test_made_is_kept_inside_and_read_by_kind_and_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_made: Callable[..., Made]
) -> None:
    clock = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr(artifacts, "perf_counter", lambda: next(clock))
    store = Store(tmp_path)
    store.make("stages", "a", lambda side: None, lambda seconds: make_made(seconds=seconds))
    store.make_json("timings", "b", lambda: [1], lambda seconds: make_made(seconds=seconds))
    assert store.made("stages", "a") == make_made(seconds=2.5)
    assert store.made("timings", "b") == make_made(seconds=1.0)
    assert json.loads((tmp_path / "artifacts/stages/a/made.json").read_text())["parts"] == make_made().parts
    assert set(json.loads((tmp_path / "artifacts/timings/b.json").read_text())) == {"made", "content"}


def test_made_of_what_is_gone_or_never_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make("stages", "a", lambda side: None)
    store.make_json("timings", "b", lambda: None)
    assert [store.made(*name) for name in (("stages", "a"), ("timings", "b"), ("stages", "c"))] == [None] * 3


def test_a_record_quotes_what_was_there_before_without_its_parts(
    tmp_path: Path, make_made: Callable[..., Made]
) -> None:
    store = Store(tmp_path)
    store.make("stages", "a", lambda side: None, lambda _: make_made())
    new, reused = (store.joined("stages", "a", "denoiser", before) for before in (False, True))
    assert (new.key, new.id, new.reused, new.made) == ("stages/denoiser", "a", False, None)
    assert reused.made == replace(make_made(), parts={})
    assert store.joined("samples", "b", "", True).key == "samples"


# ----------------------------------------------------------------------------------------------- JSON and scores


def test_a_json_value_is_extended_under_its_lock(tmp_path: Path) -> None:
    store, locked = Store(tmp_path), []

    def one_more(sittings: list[int] | None) -> list[int]:
        locked.append(is_held(lock_path(tmp_path, "timings", "a")))
        return [*(sittings or []), len(sittings or [])]

    assert [store.update_json("timings", "a", one_more) for _ in range(3)] == [[0], [0, 1], [0, 1, 2]]
    assert store.make_json("timings", "a", lambda: pytest.fail("made twice")) == ([0, 1, 2], True)
    assert locked == [True] * 3


def test_a_score_is_read_back_with_its_arrays(
    tmp_path: Path, make_made: Callable[..., Made], make_measurement: Callable[..., Measurement]
) -> None:
    store = Store(tmp_path)
    measured = {"recall": make_measurement(), "density": make_measurement(1.5)}
    arrays = {"inside": np.array([True, False]), "distance": np.arange(3, dtype=np.float32)}
    calls: list[int] = []

    def build() -> tuple[dict[str, Measurement], dict[str, np.ndarray]]:
        calls.append(1)
        return measured, arrays

    first, made = store.make_score("a", build, lambda _: make_made())
    again, before = store.make_score("a", build)
    assert first == again == measured
    assert (len(calls), made and made.reused, before and before.reused) == (1, False, True)
    assert store.made("scores", "a") == make_made()
    read = store.read_arrays("a")
    assert set(read) == set(arrays)
    for name, values in arrays.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values)
    assert sorted(path.name for path in (tmp_path / "artifacts/scores").iterdir()) == ["a.json", "a.npz"]


def test_a_score_without_arrays_is_one_file(tmp_path: Path, make_measurement: Callable[..., Measurement]) -> None:
    store = Store(tmp_path)
    store.make_score("a", lambda: ({"recall": make_measurement()}, {}))
    assert store.read_arrays("a") == {}
    assert [path.name for path in (tmp_path / "artifacts/scores").iterdir()] == ["a.json"]


def test_arrays_of_objects_are_not_kept(tmp_path: Path, make_measurement: Callable[..., Measurement]) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        Store(tmp_path).make_score("a", lambda: ({"recall": make_measurement()}, {"x": np.array([{}])}))
    assert list((tmp_path / "artifacts/scores").iterdir()) == []


def test_a_score_without_a_number_is_never_kept(tmp_path: Path, make_measurement: Callable[..., Measurement]) -> None:
    store = Store(tmp_path)
    failed = {"recall": make_measurement(), "density": make_measurement(None)}
    measured, artifact = store.make_score("a", lambda: (failed, {"x": np.arange(2)}))
    assert (measured, artifact) == (failed, None)

    def raises() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.make_score("a", raises)
    assert not store.path("scores", "a.json").parent.exists()
    good = {"recall": make_measurement(), "density": make_measurement(0.1)}
    assert store.make_score("a", lambda: (good, {}))[0] == good
