"""A process that draws and scores as many images as it is told, and keeps the most anonymous memory that this took.

`memory_process.py COUNT FOLDER`: the reference is FOLDER/reference, the run goes into FOLDER/results, and FOLDER/peak
holds megabytes above those of the process after its imports, also if it is killed. Anonymous memory is what a process
holds itself: pages of mapped files are not in it.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path

import torch

import genbench
from genbench.discovery.plugins import load_plugins

BATCH = 500


def anonymous() -> float:
    """Megabytes of anonymous memory in use now."""
    line = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert line is not None
    return int(line[1]) / 1000


def watch(before: float, file: Path) -> None:
    """Sample for ever."""
    peak = float(file.read_text()) if file.exists() else 0.0
    while True:
        if (now := anonymous() - before) > peak:
            peak = now
            file.write_text(str(peak))
        time.sleep(0.005)


def main(count: int, folder: Path) -> None:
    """One run, which is to be complete."""
    torch.set_num_threads(1)
    load_plugins()
    run = genbench.run
    threading.Thread(target=watch, args=(anonymous(), folder / "peak"), daemon=True).start()
    sweep = run(
        "dataset=mapped",
        "features.pixels.size=8",
        model="cheap",
        dataset={"root": folder.parent / "reference", "count": count},
        features=("pixels",),
        metrics=("frechet_distance", "kid"),
        sampling={"num_samples": count, "batch_size": BATCH},
        extraction__batch_size=BATCH,
        timing={"repetitions": 1, "seconds": 0.01},
        results=folder / "results",
    )
    (record,) = sweep.records
    assert record.status == "done", record.reason
    assert record.left_out == {}


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
