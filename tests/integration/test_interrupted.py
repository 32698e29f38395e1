"""Killed, interrupted, or at work twice at once: nothing finished is lost or redone, no file is corrupt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genbench.store.records import Status, read_record

COMMAND = [
    *(sys.executable, "-m", "genbench", "run", "model=gan_tiny", "debug=quick", "features=pixels"),
    *("training.steps=250", "training.checkpoint_seconds=0.2"),
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        COMMAND, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 90
    while not found():
        assert process.poll() is None, f"it ended before the moment came: {process.communicate()}"
        assert time.monotonic() < until, "the moment did not come"
        time.sleep(0.005)


def images(folder: Path) -> np.ndarray:
    (path,) = (folder / "results/artifacts/samples").glob("*/images.npy")
    return np.load(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(COMMAND, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
def test_training_goes_on_and_ends_with_the_same_images(undisturbed: Path, tmp_path: Path, number: int) -> None:
    process = start(tmp_path)
    models = tmp_path / "results/artifacts/models"
    wait_for(lambda: bool(list(models.glob("*.partial/checkpoint.pt"))), process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "The same command goes on from here" in errors
        assert "Traceback" not in errors
    assert not list(models.glob("*[!l]")), "an unfinished model looks finished"
    done = subprocess.run(COMMAND, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "goes on from its checkpoint" in done.stderr
    assert (images(tmp_path) == images(undisturbed)).all()


def test_killed_while_drawing_or_scoring_trains_nothing_again(tmp_path: Path) -> None:
    process = start(tmp_path)
    artifacts = tmp_path / "results/artifacts"
    wait_for(
        lambda: bool(list(artifacts.glob("models/*/state.safetensors"))) and (artifacts / "locks").exists(), process
    )
    wait_for(lambda: any(not path.name.endswith(".partial") for path in artifacts.glob("models/*")), process)
    process.kill()
    process.communicate(timeout=60)
    done = subprocess.run(COMMAND, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "s (from the store)" in done.stderr
    (record,) = (tmp_path / "results").glob("*/result.json")
    assert read_record(record).status is Status.DONE


def test_two_at_once_share_the_work(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    outputs = [process.communicate(timeout=180) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    trained = sum("trained in" in errors and "s (from the store)" not in errors for _, errors in outputs)
    assert trained == 1, outputs
    assert len(list((tmp_path / "results/artifacts/models").glob("*"))) == 1
    sweeps = [json.loads(path.read_text()) for path in (tmp_path / "results/sweeps").glob("*.json")]
    assert len(sweeps) == 2
    assert sweeps[0]["runs"] == sweeps[1]["runs"]
