"""`genbench.run` and `genbench.load`: what the command line does, in the caller's process, twice, and no more."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import genbench
from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import load_plugins
from genbench.store.records import Status

NOCOST = {
    "model": "nocost",
    "features": "counted",
    "metrics": ("frechet_distance", "kid"),
    "sampling": {"num_samples": 200, "batch_size": 100},
    "debug": "quick",  # a timing that other work disturbed is taken again, but for quick runs
    "timing__repetitions": 1,
    "timing__seconds": 0.01,
}


@pytest.fixture(autouse=True)
def _loose_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The model that costs nothing, in this process."""
    monkeypatch.setenv(FOLDERS, str(Path(__file__).with_name("plugins")))
    monkeypatch.setattr(sys, "path", [*sys.path])
    load_plugins.cache_clear()
    yield
    load_plugins.cache_clear()


def around() -> tuple[object, ...]:
    """What a library leaves as it finds it."""
    handlers = tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
    theirs = ("KMP_", "TORCHINDUCTOR_", "PYTEST_")  # libraries set these when they are imported first
    environment = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return list(sys.argv), environment, os.getcwd(), handlers, torch.get_num_threads()


def test_a_sweep_is_run_returned_and_answered_from_the_store(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = around()
    swept = genbench.run(**NOCOST, seed=[0, 1], results=tmp_path)
    again = genbench.run("seed=0,1", **NOCOST, results=tmp_path)
    assert around() == before
    assert [record.status for record in swept.records] == [Status.DONE, Status.DONE]
    assert [job.axes for job in swept.sweep.jobs] == [{"seed": "0"}, {"seed": "1"}]
    assert [record.run_id for record in again.records] == [record.run_id for record in swept.records]
    assert capfd.readouterr().err.count("answered from the store") == 2
    assert again.sweep.sweep_id != swept.sweep.sweep_id
    assert genbench.load(tmp_path, swept.sweep.sweep_id).records == swept.records
    assert genbench.load(tmp_path).sweep == again.sweep
    assert "nocost" in str(swept)
    assert "2 seeds" in str(swept)


def test_frames_have_a_row_for_each_measurement_and_the_place_on_the_axes(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    frame = genbench.run(**NOCOST, seed=[0, 1], results=tmp_path).frame()
    generated = frame[(frame.row == "generated") & (frame.key == "counted/kid")]
    assert list(generated.seed) == ["0", "1"]
    assert list(generated.n) == [200, 200]
    assert generated.value.notna().all()
    assert set(frame[frame.row == "costs"].key) >= {"images_per_second", "nfe", "training_steps"}


def test_what_fails_is_in_the_records(tmp_path: Path) -> None:
    swept = genbench.run(**NOCOST, model__wrong=["error", "nothing"], results=tmp_path)
    assert [record.status for record in swept.records] == [Status.FAILED, Status.DONE]
    assert swept.records[0].reason == "RuntimeError: the model broke on purpose"


def test_mistakes_are_raised_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(genbench.MistakeError, match=r"unknown model 'nocst'\. Did you mean 'nocost'"):
        genbench.run(**{**NOCOST, "model": "nocst"}, results=tmp_path / "results")
    with pytest.raises(genbench.MistakeError, match=r"training\.steps=5: budgets are now written"):
        genbench.run(**NOCOST, training__steps=5, results=tmp_path / "results")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no sweep in"):
        genbench.load(tmp_path)


def test_any_text_is_an_option(tmp_path: Path) -> None:
    odd = tmp_path / "it's a,b=c [1] ${seed} \\"
    swept = genbench.run(**NOCOST, results=odd)
    assert [record.status for record in swept.records] == [Status.DONE]
    assert genbench.load(odd).records == swept.records
