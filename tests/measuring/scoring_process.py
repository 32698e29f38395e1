"""A process that scores as many images as it is told and prints the most anonymous memory that this took, in MB.

Run by test_memory.py. Anonymous memory is what a process holds itself: pages of mapped files are not in it.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

import torch

from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.measuring.evaluator import Evaluator
from genbench.measuring.evidence import Common, Row
from genbench.measuring.image_sets import NoiseImages, spec_of
from genbench.metrics.frechet import FrechetDistance
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import KernelDistanceOptions
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry, NoOptions
from genbench.store.artifacts import Store


def anonymous() -> float:
    """Megabytes of anonymous memory in use now."""
    line = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert line is not None
    return int(line[1]) / 1000


def watch(peak: list[float]) -> None:
    """Sample for ever."""
    while True:
        peak[0] = max(peak[0], anonymous())
        time.sleep(0.005)


def choice(kind: str, cls: type, options: object) -> Choice:
    """The class as if it were registered."""
    return Choice(Entry(kind, cls.__name__, "", cls, type(options), "tests"), options)


def main(count: int, results: Path) -> None:
    """Score `count` images of 16x16 against as many."""
    torch.set_num_threads(1)
    before, peak = anonymous(), [0.0]
    threading.Thread(target=watch, args=(peak,), daemon=True).start()
    reference = NoiseImages((3, 16, 16), count, seed=1)
    metrics = {
        "frechet_distance": choice("metrics", FrechetDistance, NoOptions()),
        "kid": choice("metrics", KernelDistance, KernelDistanceOptions(2_000)),
    }
    features = {"pixels": choice("features", Pixels, PixelsOptions())}
    evaluator = Evaluator(Store(results), features, metrics, Common(spec_of(reference), reference), batch_size=500)
    scores = evaluator.score({"generated": Row(NoiseImages((3, 16, 16), count, seed=2))})
    assert set(scores.rows["generated"]) == {"pixels/frechet_distance", "pixels/kid"}
    print(peak[0] - before)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
