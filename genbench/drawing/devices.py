"""Devices: which one, whose turn it is, and who else was using it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from genbench.drawing import locks
from genbench.drawing.clock import Clock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PATIENCE = 0.5
"""Seconds between two looks for a free GPU."""


def resolve_device(name: str) -> str:
    """ "auto" -> "cuda" where there is a GPU, else "cpu"; anything else must be a device that torch can use.

    Raises ValueError with a way out.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        words = str(error).partition(".")[0].splitlines()[0]
        raise ValueError(f"device '{name}' cannot be used here: {words} (try device=cpu)") from None
    return name


def device_id(device: str) -> str:
    """A name of the physical device that is the same in every process, container and numbering: a GPU's UUID; for a CPU
    the kernel's boot id, which the containers of one host share, or else the host's name.
    """
    if device.startswith("cuda"):
        return f"gpu-{torch.cuda.get_device_properties(torch.device(device)).uuid}"
    try:
        host = BOOT_ID.read_text().strip()
    except OSError:
        host = platform.node()
    return f"{device.replace(':', '-')}-{host}"


@contextmanager
def claim(device: str) -> Iterator[str]:
    """A device to work on: "cuda" becomes a GPU of one's own, "cuda:k", as soon as one is free; others stay as named.

    Jobs that run side by side on one machine so take a GPU each, whichever launcher started them.
    """
    if device != "cuda":
        yield device
    else:
        index, lock = _free_gpu()
        try:
            yield f"cuda:{index}"
        finally:
            locks.release(lock)


def _free_gpu() -> tuple[int, int]:
    """The number of a GPU that nobody had claimed, and its lock."""
    while True:
        for index in range(torch.cuda.device_count()):
            lock = locks.try_acquire(f"claim-{device_id(f'cuda:{index}')}")
            if lock is not None:
                return index, lock
        time.sleep(PATIENCE)


@contextmanager
def exclusive(device: str) -> Iterator[None]:
    """One timing at a time per physical device, whichever user, container or results folder asks."""
    with locks.hold(f"time-{device_id(device)}"):
        yield


@dataclass
class Load:
    """How busy others kept the machine: `others` is their mean number of busy cores while watched."""

    others: float = 0.0
    threads: int = 1

    @property
    def contended(self) -> bool:
        """Whether others left fewer idle cores than our threads needed (a fifth of a core is forgiven)."""
        return (os.cpu_count() or 1) - self.others < self.threads - 0.2


@contextmanager
def watch_load(threads: int, clock: Clock) -> Iterator[Load]:
    """Measure the processor time that others took between entering and leaving."""
    load = Load(threads=threads)
    started, before = clock.perf_counter(), _others_seconds()
    yield load
    seconds = clock.perf_counter() - started
    load.others = max(0.0, _others_seconds() - before) / max(seconds, 1e-9)


def _others_seconds() -> float:
    """Processor seconds that all other processes have used since the machine was started, up to a constant."""
    return busy_seconds() - own_seconds()


def busy_seconds() -> float:
    """Seconds that all cores together were busy since the machine was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def own_seconds() -> float:
    """Processor seconds of this process."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)
