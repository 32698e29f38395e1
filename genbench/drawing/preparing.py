"""Making a runner ready: how long it takes, and the fast path only where it draws what the plain one draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genbench.drawing.clock import Clock
from genbench.drawing.draw import main_images
from genbench.drawing.requests import Requests
from genbench.interfaces.drawing import DrawSpec, Runner

Prepare = Callable[[DrawSpec], Runner]
"""A generator's `prepare`."""


@dataclass(frozen=True)
class Prepared:
    """A runner, what it was prepared for, and the seconds that this took."""

    runner: Runner
    draw: DrawSpec
    seconds: float


def tolerance(dtype: torch.dtype) -> float:
    """By how much a value in [-1, 1] of the fast path may differ from that of the plain one."""
    return 1e-10 if dtype == torch.float64 else 1e-3


def prepare_runner(
    prepare: Prepare, draw: DrawSpec, requests: Requests, clock: Clock, say: Callable[[str], None] = lambda text: None
) -> Prepared:
    """The runner that `draw` asks for.

    Where that is the fast path, one batch is drawn with the plain one first, which is then freed; if the two differ by
    more than rounding, the plain one is prepared again and used, and `say` hears of it.
    """
    if not draw.fast:
        return _timed(prepare, draw, clock)
    plain = replace(draw, fast=False)
    images = _first_batch(prepare(plain), plain, requests)
    prepared = _timed(prepare, draw, clock)
    difference = float((_first_batch(prepared.runner, draw, requests) - images).abs().max())
    if difference <= tolerance(draw.dtype):  # never true of NaN
        return prepared
    del prepared
    say(
        f"the fast path differs from the plain one by {difference:.2g} (at most {tolerance(draw.dtype):g} is rounding):"
        " the plain one is used"
    )
    return _timed(prepare, plain, clock)


def _timed(prepare: Prepare, draw: DrawSpec, clock: Clock) -> Prepared:
    clock.synchronise(draw.device)
    started = clock.perf_counter()
    runner = prepare(draw)
    clock.synchronise(draw.device)
    return Prepared(runner, draw, clock.perf_counter() - started)


@torch.inference_mode()
def _first_batch(runner: Runner, draw: DrawSpec, requests: Requests) -> Tensor:
    return main_images(runner.run(requests.batch(0, draw.batch_size))).double().cpu()
