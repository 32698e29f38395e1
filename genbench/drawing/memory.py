"""The most memory that drawing one batch needs at once."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from genbench.interfaces.drawing import Runner, SampleRequest


def peak_memory(prepare: Callable[[], Runner], request: SampleRequest) -> int:
    """Bytes of tensors that live at once, at the worst moment of one run with a runner prepared for it alone.

    These are the weights of its networks (shared with the generator or not), what preparing left behind (buffers,
    tables), and what the run adds: as the allocator held it on a GPU, as torch's profiler saw it come and go on a CPU.
    """
    device = request.keys.device
    gc.collect()  # runners that are in circles with their hooks are freed only so
    before = _storages(_living(), device)
    runner = prepare()
    weights = [w for network in runner.networks.values() for w in (*network.parameters(), *network.buffers())]
    left = {place: size for place, size in _storages(_living(), device).items() if place not in before}
    held = left | _storages(weights, device)
    return sum(held.values()) + _rise(runner, request, device)


@torch.inference_mode()
def _rise(runner: Runner, request: SampleRequest, device: torch.device) -> int:
    """How far one run goes above where it begins, in bytes."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        start = torch.cuda.memory_allocated(device)
        runner.run(request)
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - start
    with _silent_profiler(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        runner.run(request)
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [int(event.nbytes()) for event in sorted(events, key=lambda event: event.start_ns())]
    return max(itertools.accumulate(changes, initial=0))


@contextmanager
def _silent_profiler() -> Iterator[None]:
    """Keep torch's profiler from complaining of a missing GPU, with the environment as it was afterwards."""
    if "KINETO_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["KINETO_LOG_LEVEL"] = "99"
    try:
        yield
    finally:
        del os.environ["KINETO_LOG_LEVEL"]


def _living() -> list[Tensor]:
    """Every tensor that Python knows of (by exact class: asking other objects what they are can have side effects)."""
    return [thing for thing in gc.get_objects() if type(thing) in (Tensor, nn.Parameter)]


def _storages(tensors: Iterable[Tensor], device: torch.device) -> dict[int, int]:
    """Bytes by address of what these tensors lie in on the device: several views of one storage count once."""
    storages = [t.untyped_storage() for t in tensors if t.device == device and t.layout == torch.strided]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}
