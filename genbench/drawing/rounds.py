"""Runs of one runner at one batch size: warmed up, then timed in rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from genbench.drawing.clock import Clock
from genbench.drawing.requests import Requests
from genbench.interfaces.drawing import Runner, SampleRequest

WARM_UP_RUNS = 3
ROUNDS = 5
LATENCY_FACTOR = 6


@dataclass(frozen=True)
class TimingRules:
    """A scenario ends after `repetitions` runs or `seconds`, but not before every round had a run. Latency wants
    percentiles, so it is measured on LATENCY_FACTOR times as many runs.
    """

    repetitions: int
    seconds: float


class Scenario:
    """Warmed up when it is made; then measured round by round, each run on fresh keys."""

    def __init__(
        self, runner: Runner, requests: Requests, batch_size: int, repetitions: int, seconds: float, clock: Clock
    ) -> None:
        self.runner, self.requests, self.batch_size, self.clock = runner, requests, batch_size, clock
        self.runs_a_round, self.seconds_a_round = math.ceil(repetitions / ROUNDS), seconds / ROUNDS
        self.rounds: list[list[float]] = []
        self._drawn = 0
        for _ in range(WARM_UP_RUNS):
            runner.run(self._request())

    def measure_round(self) -> None:
        """Time the runs of one more round; making the request is not timed."""
        times: list[float] = []
        while len(times) < self.runs_a_round and (math.fsum(times) < self.seconds_a_round or not times):
            request = self._request()
            self.clock.synchronise(self.requests.device)
            started = self.clock.perf_counter()
            self.runner.run(request)
            self.clock.synchronise(self.requests.device)
            times.append(self.clock.perf_counter() - started)
        self.rounds.append(times)

    @property
    def runs(self) -> int:
        """Measured runs."""
        return sum(map(len, self.rounds))

    def summary(self, statistic: Callable[[list[float]], float]) -> tuple[float, float]:
        """A statistic of the seconds of all runs, and its standard deviation over the rounds.

        It is not divided by the square root of their number: the rounds of one measurement are more alike than two
        measurements are.
        """
        together = [seconds for times in self.rounds for seconds in times]
        return statistic(together), statistics.stdev(statistic(times) for times in self.rounds)

    def _request(self) -> SampleRequest:
        start, self._drawn = self._drawn, self._drawn + self.batch_size
        return self.requests.batch(start, self.batch_size)


def percentile_90(times: list[float]) -> float:
    """The 90th percentile, by linear interpolation between the two nearest values."""
    return statistics.quantiles(times, n=10, method="inclusive")[8] if len(times) > 1 else times[0]
