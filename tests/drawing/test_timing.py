"""The clock, exactly: in a time that passes only when a runner says so."""

from __future__ import annotations

import statistics
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genbench.drawing import devices, locks
from genbench.drawing.costs import CLOCK_MEASURES
from genbench.drawing.requests import Requests
from genbench.drawing.rounds import ROUNDS, WARM_UP_RUNS, TimingRules
from genbench.drawing.timing import Timing, time_generator
from genbench.interfaces.drawing import DrawSpec, Runner, SampleRequest
from genbench.interfaces.measurement import EXACT

BATCH = 4
TEN_RUNS = TimingRules(10, 1e9)
WARMING = 4096.0
"""Seconds that each of the first runs of a runner takes."""


@dataclass(frozen=True)
class AnySampler:
    family: str = "any"


def durations(batch: int, run: int) -> float:
    """Seconds of the measured runs: eighths, which add up exactly; no two of a scenario are alike."""
    return (1 + (37 * run + 11 * batch) % 101) / 8


@dataclass
class Scripted(Runner):
    """Takes the device WARMING seconds at first, then what `durations` says; a captured one calls no module."""

    clock: Any
    draw: DrawSpec
    log: list[tuple[int, bool, list[int]]]
    offset: float = 0.0
    runs: int = 0
    networks: dict[str, nn.Module] = field(
        default_factory=lambda: {"main": nn.Linear(4, 4), "decoder": nn.Linear(4, 4)}
    )

    def run(self, request: SampleRequest) -> Tensor:
        assert len(request.keys) == self.draw.batch_size
        assert torch.is_inference_mode_enabled()
        self.log.append((len(request.keys), self.draw.fast, request.keys.tolist()))
        warm = self.runs - WARM_UP_RUNS - (1 if self.draw.fast and self.draw.batch_size == BATCH else 0)
        self.clock.queue(durations(self.draw.batch_size, warm) if warm >= 0 else WARMING)
        self.runs += 1
        x = torch.zeros(len(request.keys), 4)
        if self.networks and not self.draw.fast:
            main, decoder = self.networks.values()
            x = decoder(main(main(x)))
        return x.mul(0).reshape(-1, 1, 2, 2) + self.offset


@dataclass
class Generator:
    """Prepares runners (7 seconds on the device) and remembers which of the earlier ones still lived then."""

    clock: Any
    networks: bool = True
    fast_offset: float = 0.0
    log: list[tuple[int, bool, list[int]]] = field(default_factory=list)
    prepared: list[tuple[int, bool, int]] = field(default_factory=list)
    _made: list[Any] = field(default_factory=list)

    def prepare(self, draw: DrawSpec) -> Runner:
        assert not draw.extras
        living = sum(ref() is not None for ref in self._made)
        self.prepared.append((draw.batch_size, draw.fast, living))
        runner = Scripted(self.clock, draw, self.log, self.fast_offset if draw.fast else 0.0)
        if not self.networks:
            runner.networks = {}
        self._made.append(weakref.ref(runner))
        self.clock.queue(7.0)
        return runner


@pytest.fixture
def timed(requests: Requests, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Timing]:
    """A timing with nobody else at work."""
    monkeypatch.setattr(devices, "busy_seconds", lambda: 0.0)
    monkeypatch.setattr(devices, "own_seconds", lambda: 0.0)

    def time(generator: Generator, rules: TimingRules = TEN_RUNS, fast: bool = False, **rest: Any) -> Timing:
        draw = DrawSpec(AnySampler(), BATCH, torch.device("cpu"), fast=fast, extras=True)
        return time_generator(generator.prepare, draw, requests, rules, 1, "a machine", clock, **rest)

    return time


def test_percentiles_rate_and_spread_are_those_of_the_measured_runs(timed: Any, clock: Any) -> None:
    measured = timed(Generator(clock)).measurements
    latencies = 1e3 * np.array([durations(1, run) for run in range(60)])
    seconds = np.array([durations(BATCH, run) for run in range(10)])
    expected = {
        "images_per_second": (seconds, lambda times: BATCH * len(times) / times.sum()),
        "latency_ms_p50": (latencies, lambda times: np.percentile(times, 50)),
        "latency_ms_p90": (latencies, lambda times: np.percentile(times, 90)),
    }
    for name, (times, statistic) in expected.items():
        assert measured[name].value == pytest.approx(statistic(times), rel=1e-12), name
        rounds = [statistic(part) for part in np.split(times, ROUNDS)]
        assert measured[name].standard_error == pytest.approx(statistics.stdev(rounds), rel=1e-9), name
        assert measured[name].n == len(times)
    assert measured["latency_ms_p90"].value > 1.5 * measured["latency_ms_p50"].value
    assert max(latencies) < 1e3 * WARMING  # a warm-up run among them would show


def test_the_device_is_locked_from_the_first_runner_to_the_last_run(timed: Any, clock: Any) -> None:
    class Locked(Generator):
        def prepare(self, draw: DrawSpec) -> Runner:
            look()
            runner = super().prepare(draw)
            run = runner.run
            runner.run = lambda request: (look(), run(request))[1]  # type: ignore[method-assign]
            return runner

    def look() -> None:
        lock = locks.try_acquire(f"time-{devices.device_id('cpu')}")
        looks.append(lock is None)
        if lock is not None:
            locks.release(lock)

    looks: list[bool] = []
    timed(Locked(clock))
    assert all(looks)
    assert len(looks) > 70
    look()
    assert not looks[-1]


def test_preparing_is_timed_apart(timed: Any, clock: Any) -> None:
    assert timed(Generator(clock)).measurements["prepare_seconds"].value == 7.0


def test_scenarios_take_turns_in_rounds_after_warming_up(timed: Any, clock: Any) -> None:
    generator = Generator(clock)
    timed(generator)
    counted_and_weighed = [1, BATCH]
    warm_up = [BATCH] * 3 + [1] * 3
    rounds = ([BATCH] * 2 + [1] * 12) * 5
    assert [size for size, _, _ in generator.log] == [*counted_and_weighed, *warm_up, *rounds]


def test_every_run_of_a_scenario_has_fresh_keys(timed: Any, clock: Any) -> None:
    generator = Generator(clock)
    timed(generator)
    for batch in (1, BATCH):
        keys = [key for size, _, keys in generator.log[2:] if size == batch for key in keys]
        assert len(set(keys)) == len(keys)


def test_a_scenario_ends_with_its_seconds_but_not_before_every_round_had_a_run(timed: Any, clock: Any) -> None:
    measured = timed(Generator(clock), TimingRules(1000, 1e-3)).measurements
    assert (measured["images_per_second"].n, measured["latency_ms_p50"].n) == (5, 5)
    # 10 seconds a round: runs until the sum of a round reaches that.
    measured = timed(Generator(clock), TimingRules(1000, 50.0)).measurements
    run = 0
    for _ in range(ROUNDS):
        total = 0.0
        while total < 10:
            total, run = total + durations(BATCH, run), run + 1
    assert measured["images_per_second"].n == run


def test_counts_are_those_of_one_image_on_the_plain_path(timed: Any, clock: Any) -> None:
    for fast in (False, True):
        measured = timed(Generator(clock), fast=fast).measurements
        assert (measured["nfe"].value, measured["sequential_depth"].value) == (2, 3)
        assert "main 2, decoder 1" in measured["sequential_depth"].estimand
        assert measured["parameters"].value == 2 * (16 + 4)
        assert measured["flops_per_image"].value == 3 * 2 * 16
        for name in ("nfe", "sequential_depth", "parameters", "flops_per_image"):
            assert (measured[name].reason, measured[name].standard_error, measured[name].n) == (EXACT, None, 1)


def test_a_model_without_networks_has_no_counts_of_them_and_says_why(timed: Any, clock: Any) -> None:
    measured = timed(Generator(clock, networks=False)).measurements
    for name in ("nfe", "sequential_depth", "parameters"):
        assert measured[name].value is None
        assert measured[name].reason == "the model names no networks"
    assert measured["flops_per_image"].value == 0
    assert measured["images_per_second"].value is not None


def test_plain_runners_are_freed_before_the_next_is_prepared(timed: Any, clock: Any) -> None:
    plain, fast = Generator(clock), Generator(clock)
    timed(plain)
    assert plain.prepared == [(1, False, 0), (BATCH, False, 0), (BATCH, False, 0), (1, False, 1)]
    timed(fast, fast=True)
    assert fast.prepared == [
        (1, False, 0),  # counted
        (BATCH, False, 0),  # weighed
        (BATCH, False, 0),  # what the fast one is compared with
        (BATCH, True, 0),
        (1, True, 1),
    ]


def test_time_is_taken_on_the_fast_path_where_it_draws_the_same(timed: Any, clock: Any) -> None:
    generator, said = Generator(clock, fast_offset=9e-4), []
    timing = timed(generator, fast=True, say=said.append)
    assert (timing.fast, said) == (True, [])
    assert {fast for _, fast, _ in generator.log[3:]} == {True}
    assert timing.measurements["images_per_second"].protocol["fast"] is True
    assert timing.measurements["prepare_seconds"].protocol["fast"] is True
    assert timing.measurements["peak_memory_bytes"].protocol["fast"] is False


def test_a_fast_path_that_draws_other_images_is_not_timed(timed: Any, clock: Any) -> None:
    generator, said = Generator(clock, fast_offset=2e-3), []
    timing = timed(generator, fast=True, say=said.append)
    assert not timing.fast
    assert said == [
        "the fast path differs from the plain one by 0.002 (at most 0.001 is rounding): the plain one is used"
    ]
    assert [fast for _, fast, _ in generator.log[:4]] == [False, False, False, True]
    assert {fast for _, fast, _ in generator.log[4:]} == {False}
    assert timing.measurements["latency_ms_p50"].protocol["fast"] is False


def test_protocols_hold_what_a_time_depends_on(timed: Any, clock: Any) -> None:
    measured = timed(Generator(clock)).measurements
    common = {"dtype": "float32", "threads": 1, "device": "a machine", "fast": False}
    assert measured["images_per_second"].protocol == {"batch_size": BATCH, **common}
    assert measured["prepare_seconds"].protocol == {"batch_size": BATCH, **common}
    assert measured["latency_ms_p50"].protocol == measured["latency_ms_p90"].protocol == {"batch_size": 1, **common}
    assert measured["nfe"].protocol == {}


def test_every_measure_is_measured_in_its_unit(timed: Any, clock: Any) -> None:
    measured = timed(Generator(clock)).measurements
    assert list(measured) == [info.name for info in CLOCK_MEASURES]
    for info in CLOCK_MEASURES:
        assert (measured[info.name].unit, measured[info.name].direction) == (info.unit, info.direction)
        assert info.kind == "cost"
    assert [info.name for info in CLOCK_MEASURES if info.ranks] == [
        "images_per_second",
        "latency_ms_p50",
        "latency_ms_p90",
    ]


@pytest.mark.parametrize(("others", "contended"), [(0.5, False), (1.5, True)])
def test_clock_numbers_are_marked_where_others_kept_the_machine_busy(
    others: float, contended: bool, timed: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(devices, "busy_seconds", lambda: (others + 1) * clock.now)
    monkeypatch.setattr(devices, "own_seconds", lambda: clock.now)
    timing = timed(Generator(clock))
    marked = {name for name, measurement in timing.measurements.items() if "contended" in measurement.marks}
    assert marked == ({"images_per_second", "latency_ms_p50", "latency_ms_p90"} if contended else set())
    assert timing.load == pytest.approx(others)


def test_texts_reach_the_runner_as_they_are_so_that_encoding_them_is_timed(
    timed: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(runner: Scripted, request: SampleRequest) -> Tensor:
        assert all(caption.startswith("image ") for caption in request.conditions["caption"])
        clock.work(0.25)  # the tokeniser, on the host
        clock.queue(0.5)  # the text encoder, on the device
        return torch.zeros(runner.networks["main"](torch.zeros(len(request.keys), 4)).shape[0], 1, 2, 2)

    monkeypatch.setattr(Scripted, "run", encode)
    measured = timed(Generator(clock)).measurements
    assert measured["latency_ms_p50"].value == 750.0
    assert measured["images_per_second"].value == BATCH / 0.75


def test_the_real_clock_gives_positive_numbers(requests: Requests) -> None:
    class Quick(Runner):
        networks: ClassVar[dict[str, nn.Module]] = {"main": nn.Linear(4, 4)}

        def run(self, request: SampleRequest) -> Tensor:
            images: Tensor = self.networks["main"](torch.zeros(len(request.keys), 4)).reshape(-1, 1, 2, 2)
            return images

    draw = DrawSpec(AnySampler(), BATCH, torch.device("cpu"))
    timing = time_generator(lambda spec: Quick(), draw, requests, TEN_RUNS, 1, "a machine")
    assert set(timing.measurements) == {info.name for info in CLOCK_MEASURES}
    assert all(measurement.value > 0 for measurement in timing.measurements.values())
    assert timing.load >= 0
