"""The clock: what an image costs. Prepare, warm-up and measured runs are separate; docs/protocol.md has the rules.

Two scenarios: throughput at the batch size that the images were drawn with, and latency at batch 1. Each run is on
fresh keys; the device is synchronised before the first and after each measured run; decoding to pixels is inside.
"""

from __future__ import annotations

import math
import resource
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from genbench.drawing.devices import exclusive, watch_load
from genbench.drawing.draw import synchronise
from genbench.drawing.requests import Requests
from genbench.interfaces import Runner

WARM_UP_RUNS = 3
LEAST_RUNS = 3
LATENCY_FACTOR = 6  # latency wants percentiles, so it is measured on this many times more runs than throughput


@dataclass(frozen=True)
class Timing:
    """What the clock saw. `images_per_second_error` is the standard error over the measured runs."""

    batch_size: int
    images_per_second: float
    images_per_second_error: float
    latency_ms_p50: float
    latency_ms_p90: float
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
    LEAST_RUNS.
    """
    device = requests.device
    with exclusive(str(device)):
        count = count_evaluations(single, requests)
        flops = _flops(single, requests)
        with watch_load(threads) as load:
            with peak_memory(device) as peak:
                batches = _measure(runner, requests, batch_size, repetitions, seconds)
            latencies = _measure(single, requests, 1, LATENCY_FACTOR * repetitions, seconds)
    rates = [batch_size / second for second in batches]
    main = next(iter(single.networks))
    return Timing(
        batch_size=batch_size,
        images_per_second=batch_size * len(batches) / math.fsum(batches),
        images_per_second_error=statistics.stdev(rates) / math.sqrt(len(rates)),
        latency_ms_p50=1e3 * statistics.median(latencies),
        latency_ms_p90=1e3 * statistics.quantiles(latencies, n=10, method="inclusive")[8],
        runs=len(batches),
        latency_runs=len(latencies),
        nfe=count.rows.get(main, 0),
        sequential_depth=sum(count.calls.values()),
        calls=count.calls,
        flops_per_image=flops,
        peak_memory_bytes=peak[0],
        contended=load.contended,
        load=load.others,
    )


def _measure(runner: Runner, requests: Requests, size: int, repetitions: int, seconds: float) -> list[float]:
    """Seconds of each measured run, after the warm-up."""
    for i in range(WARM_UP_RUNS):
        runner.run(requests.batch(i * size, size))
    measured: list[float] = []
    total = 0.0
    while len(measured) < repetitions and (total < seconds or len(measured) < LEAST_RUNS):
        request = requests.batch((WARM_UP_RUNS + len(measured)) * size, size)
        synchronise(requests.device)
        started = time.perf_counter()
        runner.run(request)
        synchronise(requests.device)
        measured.append(time.perf_counter() - started)
        total += measured[-1]
    return measured


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


@contextmanager
def peak_memory(device: torch.device) -> Iterator[list[int]]:
    """The peak while inside, in a list of one: bytes that the allocator held on a GPU, resident bytes of the process
    on a CPU (the whole process: interpreter, libraries, data).
    """
    peak = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak[0] = torch.cuda.max_memory_allocated(device)
        return
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark (Linux only)
    except OSError:
        status = Path("nowhere")
    yield peak
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        peak[0] = int(line.split()[1]) * 1024
    else:
        peak[0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
