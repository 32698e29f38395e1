"""The clock counts what ran, and marks what was disturbed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from genbench.data.digits import load
from genbench.drawing.clock import _flops, count_evaluations, parameters, peak_memory, time_runners
from genbench.drawing.devices import Load, claim, resolve_device, watch_load
from genbench.drawing.draw import draw_images
from genbench.drawing.requests import Requests
from genbench.drawing.seeds import image_keys
from genbench.errors import DivergedError
from genbench.interfaces.drawing import Runner, SampleRequest
from genbench.registry.entries import NoOptions
from genbench.running.tasks import ClassConditional, Unconditional

CPU = torch.device("cpu")


class Sleepy(Runner):
    """Calls a 2-layer network three times (once with a doubled batch), decodes once, and sleeps a known while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.networks = {"main": nn.Linear(64, 64), "decoder": nn.Linear(64, 64, bias=False)}

    def run(self, request: SampleRequest) -> Tensor:
        x = torch.zeros(len(request.keys), 64)
        main, decoder = self.networks.values()
        x = main(main(x)) + main(torch.cat([x, x])).chunk(2)[0]
        time.sleep(self.seconds * len(request.keys))
        images: Tensor = decoder(x).reshape(-1, 1, 8, 8).tanh()
        return images


@pytest.fixture(scope="module")
def requests() -> Requests:
    return Requests(load(NoOptions()), Unconditional(), 0, CPU)


def test_evaluations_parameters_and_operations_are_measured(requests: Requests) -> None:
    runner = Sleepy(0)
    count = count_evaluations(runner, requests)
    assert count.calls == {"main": 3, "decoder": 1}
    assert count.rows == {"main": 4, "decoder": 1}
    assert not any(module._forward_pre_hooks for module in runner.networks.values())
    assert parameters(runner) == 64 * 64 + 64 + 64 * 64
    assert _flops(runner, requests) == 5 * 2 * 64 * 64


def test_known_durations_are_measured(requests: Requests) -> None:
    timing = time_runners(Sleepy(0.002), Sleepy(0.004), requests, 5, repetitions=4, seconds=9, threads=1)
    assert timing.images_per_second == pytest.approx(500, rel=0.3)
    assert timing.latency_ms_p50 == pytest.approx(4, rel=0.4)
    assert timing.latency_ms_p90 >= timing.latency_ms_p50
    assert (timing.runs, timing.latency_runs) == (5, 25)
    assert (timing.nfe, timing.sequential_depth) == (4, 4)
    assert timing.images_per_second_error > 0
    assert timing.latency_ms_p50_error > 0


def test_a_scenario_ends_with_its_seconds_but_not_before_a_run_a_round(requests: Requests) -> None:
    timing = time_runners(Sleepy(0.02), Sleepy(0.02), requests, 1, repetitions=1000, seconds=0.01, threads=1)
    assert (timing.runs, timing.latency_runs) == (5, 5)


def test_contention_means_fewer_idle_cores_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert not Load(others=3.1, threads=1).contended
    assert Load(others=3.4, threads=1).contended
    assert Load(others=1.0, threads=4).contended


def test_own_work_is_not_others_load() -> None:
    with watch_load(1) as load:
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            sum(range(1000))
    with watch_load(1) as idle:
        time.sleep(0.5)
    assert load.others < idle.others + 0.8  # had our own core counted, it would be a whole core more


def test_peak_memory_is_what_lives_at_once_and_the_weights(requests: Requests) -> None:
    class Greedy(Runner):
        networks: ClassVar[dict[str, nn.Module]] = {"main": nn.Linear(100, 100, bias=False)}

        def run(self, request: SampleRequest) -> Tensor:
            first = torch.ones(1000, 1000)
            second = first * 2
            del first
            return second + torch.ones(500, 1000).sum()

    assert peak_memory(Greedy(), requests, 1) == pytest.approx(8e6 + 4e4, rel=1e-3)


def test_drawing_covers_the_count_in_order_and_rounds(requests: Requests) -> None:
    class Keys(Runner):
        networks: ClassVar[dict[str, Any]] = {}

        def run(self, request: SampleRequest) -> Tensor:
            return (request.keys % 201 / 100 - 1).float().reshape(-1, 1, 1, 1)

    drawn = draw_images(Keys(), requests, 10, 4)
    expected = ((image_keys(0, 0, 10) % 201 / 100).double() * 127.5).round()
    assert drawn.images.flatten().tolist() == expected.tolist()
    assert drawn.images.dtype == torch.uint8


def test_an_image_that_is_not_finite_is_named(requests: Requests) -> None:
    class Broken(Runner):
        networks: ClassVar[dict[str, Any]] = {}

        def run(self, request: SampleRequest) -> Tensor:
            images = torch.zeros(len(request.keys), 1, 2, 2)
            images[1, 0, 1, 1] = torch.nan
            return images

    with pytest.raises(DivergedError, match=r"image 1 \(and 1 more of 6\) holds NaN"):
        draw_images(Broken(), requests, 6, 3)


def test_requests_are_a_function_of_the_image_number(requests: Requests) -> None:
    whole = torch.cat([request.keys for request in requests.batches(12, 4)])
    assert torch.equal(whole, torch.cat([request.keys for request in requests.batches(12, 3)]))
    assert len(set(whole.tolist())) == 12
    labelled = Requests(requests.dataset, ClassConditional(), 0, CPU).batch(1498, 4)
    labels = requests.dataset.splits["train"].labels
    assert labels is not None
    assert labelled.conditions["label"].tolist() == labels[[1498, 1499, 0, 1]].tolist()  # type: ignore[union-attr]


def test_an_unusable_device_is_refused_with_a_way_out() -> None:
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(ValueError, match=r"device 'cuda:77' cannot be used here: .*try device=cpu"):
        resolve_device("cuda:77")


def test_jobs_claim_a_gpu_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with claim("cuda") as first, claim("cuda") as second, claim("cpu") as other:
        assert (first, second, other) == ("cuda:0", "cuda:1", "cpu")
    with claim("cuda") as free:
        assert free == "cuda:0"
