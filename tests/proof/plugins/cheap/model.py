"""A generator without networks and without anything to learn, which notes what it is asked for and may be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genbench import DataSpec, DrawSpec, Generator, Runner, SampleRequest, Schedule

ASKED, DEATH = "CHEAP_ASKED", "CHEAP_DEATH"
"""A file for a line a batch that is drawn to be kept: its first key and how many; and the number of images that one
process may draw before it is killed.
"""


class CheapRunner(Runner):
    """Byte (channel, row, column) of an image is a + b row + c column + 7 channel, with bytes a, b, c of its key."""

    networks: Mapping[str, nn.Module] = {}

    def __init__(self, data: DataSpec, kept: bool) -> None:
        self.kept, self.drawn = kept, 0
        self.axes = [
            torch.arange(size, dtype=torch.int32).view([-1 if axis == own else 1 for axis in range(3)])
            for own, size in enumerate(data.shape)
        ]

    def run(self, request: SampleRequest) -> Tensor:
        if self.kept:
            self._note(request.keys)
        a, b, c = ((request.keys >> 8 * byte & 255).int().view(-1, 1, 1, 1) for byte in range(3))
        channel, row, column = self.axes
        return ((a + b * row + c * column + 7 * channel) & 255).float().div_(127.5).sub_(1)

    def _note(self, keys: Tensor) -> None:
        if str(self.drawn) == os.environ.get(DEATH):
            os.kill(os.getpid(), signal.SIGKILL)
        if file := os.environ.get(ASKED):
            with Path(file).open("a", encoding="utf-8") as lines:
                lines.write(f"{int(keys[0])} {len(keys)}\n")
        self.drawn += len(keys)


class Cheap(Generator):
    """The model "cheap"."""

    def __init__(self, config: Any, data: DataSpec, schedule: Schedule | None) -> None:
        self.data = data

    @classmethod
    def fingerprint(cls, options: Any) -> str | None:
        return "a formula"

    def prepare(self, draw: DrawSpec) -> Runner:
        return CheapRunner(self.data, kept=draw.extras)
