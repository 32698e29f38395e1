"""What a test asks of the plugin through the environment: to count its work, and to be killed at some point of it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

COUNTS, DEATH, DEATH_RANK = "NOCOST_COUNTS", "NOCOST_DEATH", "NOCOST_DEATH_RANK"
"""A folder for a file of each rank; "draw:3" for the third time that `passed` is told of a drawn batch, on this rank.
"""

_times: Counter[str] = Counter()


def rank() -> int:
    """Which of several processes this one is."""
    return int(os.environ.get("RANK", "0"))


def passed(work: str, images: int) -> None:
    """Note that so many images are about to pass forward."""
    _times[work] += 1
    if folder := os.environ.get(COUNTS):
        with (Path(folder) / str(rank())).open("a", encoding="utf-8") as file:
            file.write(f"{work} {images}\n")
    if os.environ.get(DEATH) == f"{work}:{_times[work]}" and os.environ.get(DEATH_RANK, "0") == str(rank()):
        os.kill(os.getpid(), signal.SIGKILL)
