"""A drawing that the system kills goes on in its map with exactly the missing batches."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genbench.store.maps import RowMap

DRAW = """
import os, signal, sys
from pathlib import Path
import torch
from genbench.drawing.clock import Clock
from genbench.drawing.draw import draw_images
from genbench.drawing.noise import normal
from genbench.drawing.requests import Requests
from genbench.interfaces.data import Dataset, DataSpec
from genbench.interfaces.drawing import Runner
from genbench.store.maps import GrowingMap

last = int(sys.argv[1])
torch.set_num_threads(1)

class Noise(Runner):
    networks, runs = {}, 0
    def run(self, request):
        if self.runs == last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.runs += 1
        return normal(request.keys, 0, (1, 8, 8))

class Task:
    def request(self, dataset, keys, start):
        return {}

requests = Requests(Dataset("none", DataSpec(1, 8, 8), {}, ""), Task(), 0, torch.device("cpu"))
for folder in sys.argv[2:]:
    rows, runner = GrowingMap(Path(folder)), Noise()
    draw_images(runner, requests, 100, 8, rows.append, Clock(), rows.count)
    print(runner.runs)
"""


def draw(last: int, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Draw 100 images in batches of 8 into each folder; be killed in the run after `last` others."""
    return subprocess.run(
        [sys.executable, "-c", DRAW, str(last), *map(str, folders)], capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_second_sitting_draws_what_the_first_had_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    first = draw(5, killed)
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert RowMap(killed).count == 40
    with RowMap(killed).file("images").open("ab") as file:
        file.write(b"half a batch, as a kill in the middle of writing leaves it")
    second = draw(1000, killed, whole)
    assert second.stdout == "8\n13\n", second.stderr
    images = RowMap(killed)["images"]
    assert images.shape == (104, 1, 8, 8)
    assert np.array_equal(images, RowMap(whole)["images"])
