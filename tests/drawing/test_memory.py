"""Peak memory: what lives at once, of tensors of known sizes."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from genbench.drawing.memory import _rise, peak_memory
from genbench.interfaces.drawing import Runner, SampleRequest

ONE = SampleRequest(torch.zeros(1, dtype=torch.int64))


class Greedy(Runner):
    """Holds 8 MB at once: the second tensor beside the first, then a smaller one beside the second."""

    def __init__(self, network: nn.Module) -> None:
        self.networks = {"main": network}

    def run(self, request: SampleRequest) -> Tensor:
        first = torch.ones(1000, 1000)
        second = first * 2
        del first
        return second + torch.ones(500, 1000).sum()


class Buffered(Greedy):
    """Keeps 2 MB from preparing on, twice by name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.buffer = torch.zeros(500, 1000)
        self.view = self.buffer[:10]


def network() -> nn.Module:
    """40,000 bytes of weights and 40 of running statistics."""
    return nn.Sequential(nn.Linear(100, 100, bias=False), nn.BatchNorm1d(5, affine=False, dtype=torch.float32))


def weights() -> int:
    return 4 * 100 * 100 + 4 * 5 * 2 + 8  # the last is the count of batches, an int64


def test_it_is_what_lives_at_once_and_the_weights() -> None:
    assert peak_memory(lambda: Greedy(network()), ONE) == pytest.approx(8e6 + weights(), abs=1000)


def test_weights_that_are_shared_with_the_generator_count_too() -> None:
    shared = network()
    assert peak_memory(lambda: Greedy(shared), ONE) == pytest.approx(8e6 + weights(), abs=1000)


def test_buffers_that_preparing_allocates_count_once_and_what_it_frees_does_not() -> None:
    def prepare() -> Runner:
        torch.ones(2000, 2000).sum()
        return Buffered(network())

    assert peak_memory(prepare, ONE) == pytest.approx(8e6 + 2e6 + weights(), abs=1000)


def test_other_tensors_do_not_count() -> None:
    others = torch.zeros(1000, 1000)
    assert peak_memory(lambda: Greedy(network()), ONE) == pytest.approx(8e6 + weights(), abs=1000)
    assert others.sum() == 0


@pytest.mark.parametrize("level", [None, "3"])
def test_the_environment_is_left_as_it_was(level: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINETO_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("KINETO_LOG_LEVEL", level)
    peak_memory(lambda: Greedy(network()), ONE)
    assert os.environ.get("KINETO_LOG_LEVEL") == level


def test_on_a_gpu_it_is_the_allocators_peak_above_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    class Watched(Runner):
        networks: ClassVar[dict[str, Any]] = {}

        def run(self, request: SampleRequest) -> Tensor:
            events.append("run")
            return torch.zeros(1)

    def event(name: str, value: int = 0) -> Any:
        return lambda device: events.append(name) or value

    monkeypatch.setattr("torch.cuda.synchronize", event("synchronise"))
    monkeypatch.setattr("torch.cuda.reset_peak_memory_stats", event("reset"))
    monkeypatch.setattr("torch.cuda.memory_allocated", event("start", 100))
    monkeypatch.setattr("torch.cuda.max_memory_allocated", event("peak", 250))
    assert _rise(Watched(), ONE, torch.device("cuda:0")) == 150
    assert events == ["synchronise", "reset", "start", "run", "synchronise", "peak"]
