"""The clock: what an image costs. Prepare, warm-up and measured runs are separate; docs/protocol.md has the rules.

Two scenarios: throughput at the batch size that the images were drawn with, and latency at batch 1. Each run is on
fresh keys; the device is synchronised around each measured run; decoding to pixels is inside. The two take turns in
rounds: runs that follow each other share the machine's mood, so the error is the spread between rounds.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from genbench.drawing.devices import exclusive, watch_load
from genbench.drawing.draw import synchronise
from genbench.drawing.requests import Requests
from genbench.interfaces.drawing import Runner, SampleRequest

WARM_UP_RUNS = 3
ROUNDS = 5
LATENCY_FACTOR = 6  # latency wants percentiles, so it is measured on this many times more runs than throughput


@dataclass(frozen=True)
class Timing:
    """What the clock saw. The errors are standard deviations over the rounds, not divided by their square root: the
    rounds of one measurement are more alike than two measurements are.
    """

    batch_size: int
    images_per_second: float
    images_per_second_error: float
    latency_ms_p50: float
    latency_ms_p50_error: float
    latency_ms_p90: float
    latency_ms_p90_error: float
    runs: int
    latency_runs: int
    nfe: float
    sequential_depth: int
    calls: dict[str, int]
    flops_per_image: float
    peak_memory_bytes: int
    contended: bool
    load: float


@dataclass
class Count:
    """Evaluations seen by the hooks in one run: calls, and rows of the batch, per network."""

    calls: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


@torch.inference_mode()
def time_runners(
    runner: Runner, single: Runner, requests: Requests, batch_size: int, repetitions: int, seconds: float, threads: int
) -> Timing:
    """Time `runner` at `batch_size` and `single` at batch 1, alone on the device.

    Each scenario ends after `repetitions` runs (for latency LATENCY_FACTOR times as many) or `seconds`, but not before
    every round had one.
    """
    device = requests.device
    with exclusive(str(device)):
        count = count_evaluations(single, requests)
        flops = _flops(single, requests)
        throughput = _Scenario(runner, requests, batch_size, repetitions, seconds)
        latency = _Scenario(single, requests, 1, LATENCY_FACTOR * repetitions, seconds)
        peak = peak_memory(runner, requests, batch_size)
        with watch_load(threads) as load:
            for _ in range(ROUNDS):
                throughput.measure_round()
                latency.measure_round()
    main = next(iter(single.networks))
    p50, p50_error = latency.summary(lambda times: 1e3 * statistics.median(times))
    p90, p90_error = latency.summary(lambda times: 1e3 * _percentile_90(times))
    rate, rate_error = throughput.summary(lambda times: batch_size * len(times) / math.fsum(times))
    return Timing(
        batch_size=batch_size,
        images_per_second=rate,
        images_per_second_error=rate_error,
        latency_ms_p50=p50,
        latency_ms_p50_error=p50_error,
        latency_ms_p90=p90,
        latency_ms_p90_error=p90_error,
        runs=throughput.count,
        latency_runs=latency.count,
        nfe=count.rows.get(main, 0),
        sequential_depth=sum(count.calls.values()),
        calls=count.calls,
        flops_per_image=flops,
        peak_memory_bytes=peak,
        contended=load.contended,
        load=load.others,
    )


class _Scenario:
    """One runner at one batch size: warmed up when made, then measured round by round."""

    def __init__(self, runner: Runner, requests: Requests, size: int, repetitions: int, seconds: float) -> None:
        self.runner, self.requests, self.size = runner, requests, size
        self.runs_a_round, self.seconds_a_round = math.ceil(repetitions / ROUNDS), seconds / ROUNDS
        self.rounds: list[list[float]] = []
        self.used = 0
        for _ in range(WARM_UP_RUNS):
            runner.run(self._request())

    @property
    def count(self) -> int:
        """Measured runs."""
        return sum(len(times) for times in self.rounds)

    def measure_round(self) -> None:
        """Seconds of each run of one round."""
        times: list[float] = []
        while len(times) < self.runs_a_round and (math.fsum(times) < self.seconds_a_round or not times):
            request = self._request()
            synchronise(self.requests.device)
            started = time.perf_counter()
            self.runner.run(request)
            synchronise(self.requests.device)
            times.append(time.perf_counter() - started)
        self.rounds.append(times)

    def summary(self, statistic: Callable[[list[float]], float]) -> tuple[float, float]:
        """The statistic of all runs, and its standard deviation over the rounds."""
        together = [second for times in self.rounds for second in times]
        return statistic(together), statistics.stdev(statistic(times) for times in self.rounds)

    def _request(self) -> SampleRequest:
        self.used += 1
        return self.requests.batch((self.used - 1) * self.size, self.size)


def _percentile_90(times: list[float]) -> float:
    return statistics.quantiles(times, n=10, method="inclusive")[8] if len(times) > 1 else times[0]


def count_evaluations(single: Runner, requests: Requests) -> Count:
    """Count the calls of every network in one run at batch 1, and the rows of each call (two where guidance stacks)."""
    count = Count()

    def hook(name: str) -> Any:
        def forward(module: nn.Module, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> None:
            tensors = [value for value in (*inputs, *options.values()) if isinstance(value, Tensor) and value.ndim]
            count.calls[name] = count.calls.get(name, 0) + 1
            count.rows[name] = count.rows.get(name, 0) + (len(tensors[0]) if tensors else 1)

        return forward

    handles = [
        module.register_forward_pre_hook(hook(name), with_kwargs=True) for name, module in single.networks.items()
    ]
    try:
        single.run(requests.batch(0, 1))
    finally:
        for handle in handles:
            handle.remove()
    return count


def _flops(single: Runner, requests: Requests) -> float:
    """Floating-point operations (2 per multiply-add) of matrix products, convolutions and attention in one image."""
    with FlopCounterMode(display=False) as counter:
        single.run(requests.batch(0, 1))
    return float(counter.get_total_flops())


def parameters(runner: Runner) -> int:
    """Numbers that drawing an image needs: parameters of the runner's networks, shared ones once."""
    return sum({id(p): p.numel() for module in runner.networks.values() for p in module.parameters()}.values())


def peak_memory(runner: Runner, requests: Requests, size: int) -> int:
    """The most bytes of tensors that live at once in one run, weights included: as the allocator held them on a GPU, as
    the profiler saw them come and go on a CPU.
    """
    device, request = requests.device, requests.batch(0, size)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        runner.run(request)
        return int(torch.cuda.max_memory_allocated(device))
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it complains of a missing GPU otherwise
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        runner.run(request)
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [int(event.nbytes()) for event in sorted(events, key=lambda event: event.start_ns())]
    weights = {id(p): p.nbytes for module in runner.networks.values() for p in module.parameters()}
    peak: int = max(itertools.accumulate(changes, initial=0))
    return peak + sum(weights.values())
