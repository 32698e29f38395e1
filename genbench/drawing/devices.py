"""Devices: which one, whose turn it is, and who else was using it."""

from __future__ import annotations

import getpass
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from filelock import FileLock, Timeout


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


@contextmanager
def claim(device: str) -> Iterator[str]:
    """A device to work on: "cuda" becomes a GPU of one's own, "cuda:k", as soon as one is free; others stay as named.

    Jobs that run side by side on one machine so take a GPU each, whichever launcher started them.
    """
    if device != "cuda":
        yield device
        return
    while True:
        for index in range(torch.cuda.device_count()):
            lock = FileLock(_lock_path(f"claim-{index}"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield f"cuda:{index}"
            finally:
                lock.release()
            return
        time.sleep(0.5)


@contextmanager
def exclusive(device: str) -> Iterator[None]:
    """One timing at a time per device and machine, whichever process or results folder asks."""
    with FileLock(_lock_path(f"time-{device.replace(':', '-')}")):
        yield


def _lock_path(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"genbench-{getpass.getuser()}-{name}.lock"


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
def watch_load(threads: int) -> Iterator[Load]:
    """Measure the processor time that others took between entering and leaving."""
    load = Load(threads=threads)
    process, started = psutil.Process(), time.perf_counter()
    busy, own = _busy_seconds(), _own_seconds(process)
    yield load
    seconds = time.perf_counter() - started
    load.others = max(0.0, (_busy_seconds() - busy) - (_own_seconds(process) - own)) / max(seconds, 1e-9)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
