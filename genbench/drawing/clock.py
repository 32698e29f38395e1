"""The clock that everything here is timed with: real time, and the end of what a device was asked to do."""

from __future__ import annotations

import time

import torch


class Clock:
    """Whoever takes time is given one, so that tests can put an exact one in its place."""

    def perf_counter(self) -> float:
        """Seconds since some moment; only differences mean anything."""
        return time.perf_counter()

    def synchronise(self, device: torch.device) -> None:
        """Wait until the device has done all that it was asked to do."""
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
