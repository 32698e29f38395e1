"""Host memory of drawing is a few batches, whatever the number of images."""

from __future__ import annotations

import subprocess
import sys

import pytest

DRAW = """
import re, sys
from pathlib import Path
import torch
from genbench.drawing.clock import Clock
from genbench.drawing.draw import draw_images
from genbench.drawing.noise import normal
from genbench.drawing.requests import Requests
from genbench.interfaces.data import Dataset, DataSpec
from genbench.interfaces.drawing import Runner

torch.set_num_threads(1)

class Noise(Runner):
    networks = {}
    def run(self, request):
        watch()
        return normal(request.keys, 0, (3, 64, 64))

class Task:
    def request(self, dataset, keys, start):
        return {}

peak = 0
def watch():
    global peak
    peak = max(peak, int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]))

def append(rows):
    file.write(rows["images"])
    watch()

requests = Requests(Dataset("none", DataSpec(3, 64, 64), {}, ""), Task(), 0, torch.device("cpu"))
peaks, have = [], 0
with open(sys.argv[1], "wb", buffering=0) as file:
    for count in (500, 2000, 8000):  # the first is to warm up
        draw_images(Noise(), requests, count, 250, append, Clock(), have)
        peaks.append(peak)
        have = count
print(*peaks)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path) -> None:
    images = tmp_path / "images"
    done = subprocess.run([sys.executable, "-c", DRAW, str(images)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    _, few, many = map(int, done.stdout.split())
    assert images.stat().st_size == 8000 * 3 * 64 * 64
    # 6,000 images more are 72,000 kB of bytes and 288,000 kB of floats.
    assert many - few < 16_000
