"""What an image costs: counted, weighed and timed, alone on the device; docs/protocol.md has the rules.

Two scenarios: throughput at the batch size that the images were drawn with, and latency at batch 1. They take turns in
rounds: runs that follow each other share the machine's mood, so the error is the spread between rounds. Encoding texts
and decoding to pixels are inside; preparing is timed apart; copying to the host and rounding are not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from genbench.drawing.clock import Clock
from genbench.drawing.costs import counted, measured_once, timed
from genbench.drawing.counting import count
from genbench.drawing.devices import exclusive, watch_load
from genbench.drawing.memory import peak_memory
from genbench.drawing.preparing import Prepare, prepare_runner
from genbench.drawing.requests import Requests
from genbench.drawing.rounds import LATENCY_FACTOR, ROUNDS, Scenario, TimingRules
from genbench.interfaces.drawing import DrawSpec
from genbench.interfaces.measurement import Json, Measurement


@dataclass(frozen=True)
class Timing:
    """One sitting at the clock: CLOCK_MEASURES by name, how many cores others kept busy meanwhile, and whether the fast
    path was timed.
    """

    measurements: dict[str, Measurement]
    load: float
    fast: bool


def time_generator(
    prepare: Prepare,
    draw: DrawSpec,
    requests: Requests,
    rules: TimingRules,
    threads: int,
    device_name: str,
    clock: Clock | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Timing:
    """Time a generator, alone on the device: `draw` says at which batch size, and whether on the fast path.

    Counts and memory are those of plain runners, each freed before the next is prepared. `device_name` is the name that
    tables show; `say` hears one line if the fast path is not used. Raises ValueError for a runner that names networks
    and calls none.
    """
    clock = clock or Clock()
    draw = replace(draw, extras=False)
    plain, size = replace(draw, fast=False), draw.batch_size
    with exclusive(str(draw.device)):
        counts = count(prepare(replace(plain, batch_size=1)), requests.batch(0, 1))
        memory = peak_memory(lambda: prepare(plain), requests.batch(0, size))
        batched = prepare_runner(prepare, draw, requests, clock, say)
        single = prepare(replace(batched.draw, batch_size=1))
        with torch.inference_mode():
            throughput = Scenario(batched.runner, requests, size, rules.repetitions, rules.seconds, clock)
            latency = Scenario(single, requests, 1, LATENCY_FACTOR * rules.repetitions, rules.seconds, clock)
            with watch_load(threads, clock) as load:
                for _ in range(ROUNDS):
                    throughput.measure_round()
                    latency.measure_round()

    protocol: dict[str, Json] = {
        "batch_size": size,
        "dtype": str(draw.dtype).removeprefix("torch."),
        "threads": threads,
        "device": device_name,
        "fast": batched.draw.fast,
    }
    marks = ("contended",) if load.contended else ()
    measurements = {
        **timed(throughput, latency, protocol, marks),
        **counted(counts),
        **measured_once(memory, batched, protocol),
    }
    return Timing(measurements, load.others, batched.draw.fast)
