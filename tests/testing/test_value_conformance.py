"""The suites for samplers, schedules and grids say what is wrong with bad ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from genbench import Schedule
from genbench.diffusion.samplers import DDIM
from genbench.diffusion.schedules import Cosine
from genbench.diffusion.tables import Table
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.sampling import Array
from genbench.testing import GridConformance, SamplerConformance, ScheduleConformance

# --------------------------------------------------------------------------------------------------------- any value


def test_a_value_that_can_be_changed_is_found(suite_for: Callable[..., Any]) -> None:
    @dataclass
    class Changeable:
        family: str = "mine"

    with pytest.raises(AssertionError, match=r"make it a @dataclass\(frozen=True\)"):
        suite_for(SamplerConformance, Changeable).test_it_is_an_immutable_value()


def test_a_value_that_equals_no_other_is_found(suite_for: Callable[..., Any]) -> None:
    @dataclass(frozen=True, eq=False)
    class Single:
        family: str = "mine"

    with pytest.raises(AssertionError, match="two of the same value are not equal"):
        suite_for(SamplerConformance, Single).test_it_is_an_immutable_value()


# ----------------------------------------------------------------------------------------------------------- samplers


@dataclass(frozen=True)
class Untruncated:
    family: ClassVar[str] = "one_shot"


@dataclass(frozen=True)
class Nowhere(DDIM):
    family: ClassVar[str] = ""


@dataclass(frozen=True)
class Heavier(DDIM):
    """Its last step takes more of the prediction than there is."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        table = super().table(schedule, times)
        last = table.rows[-1]
        weights = tuple((slot, 1.1 * weight) for slot, weight in last.weights)
        return replace(table, rows=(*table.rows[:-1], replace(last, weights=weights)))


@dataclass(frozen=True)
class Early(DDIM):
    """Stops one step before data."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        return super().table(schedule, times[:-1] if len(times) > 2 else times)


@dataclass(frozen=True)
class Loud(DDIM):
    """Begins with twice the noise."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        table = super().table(schedule, times)
        first = replace(table.rows[0], noise=((0, 2 * table.rows[0].noise[0][1]),))
        return replace(table, rows=(first, *table.rows[1:]))


@dataclass(frozen=True)
class Ratio(DDIM):
    """Divides by alpha, which may be 0."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        alpha, sigma = schedule.alpha_sigma(times)
        [float(s) / float(a) for a, s in zip(alpha, sigma, strict=True)]
        return super().table(schedule, times)


@dataclass(frozen=True)
class Endless(DDIM):
    def table(self, schedule: Schedule, times: Array) -> Table:
        table = super().table(schedule, times)
        last = replace(table.rows[-1], weights=((0, math.nan),))
        return replace(table, rows=(*table.rows[:-1], last))


@dataclass(frozen=True)
class Bare(DDIM):
    def table(self, schedule: Schedule, times: Array) -> Any:
        return super().table(schedule, times).rows


@pytest.mark.parametrize(
    ("sampler", "test", "advice"),
    [
        (Nowhere, "it_names_its_family", "the word by which generators decide"),
        (Untruncated, "it_has_what_its_family_has", "has `truncation`, float"),
        (Heavier, "a_constant_prediction_is_drawn", "the weights of the rows do not add up"),
        (Early, "a_constant_prediction_is_drawn", "a trajectory ends in data"),
        (Loud, "drawing_begins_with_the_noise", r"and sigma\(1\) is"),
        (Ratio, "tables_can_be_computed", "schedule=flow .* raises ZeroDivisionError"),
        (Endless, "tables_can_be_computed", "a row holds NaN or infinity"),
        (Bare, "tables_can_be_computed", r"return a tables\.Table"),
    ],
)
def test_a_bad_sampler_is_found(sampler: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(SamplerConformance, sampler), test, advice)


def call(suite: Any, test: str, advice: str) -> None:
    """The one test whose name holds `test` fails with this advice."""
    (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
    with pytest.raises((AssertionError, pytest.fail.Exception), match=advice):
        getattr(suite, name)()


def test_a_good_sampler_passes(suite_for: Callable[..., Any]) -> None:
    suite = suite_for(SamplerConformance, OneShot)
    suite.test_it_has_what_its_family_has()
    suite = suite_for(SamplerConformance, DDIM, options={"eta": 0.5})
    suite.test_a_constant_prediction_is_drawn()
    suite.test_drawing_begins_with_the_noise_of_the_first_time()


# ---------------------------------------------------------------------------------------------------------- schedules


@dataclass(frozen=True)
class Backwards:
    """The log-SNR grows in t."""

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        return np.sqrt(t), np.sqrt(1 - t)

    def t_at(self, log_snr: Array) -> Array:
        return 1 / (1 + np.exp(-log_snr))


@dataclass(frozen=True)
class Mismatched(Cosine):
    def t_at(self, log_snr: Array) -> Array:
        return super().t_at(log_snr + 0.1)


@dataclass(frozen=True)
class Unclipped(Cosine):
    def t_at(self, log_snr: Array) -> Array:
        return np.where(np.abs(log_snr) > 100, 2.0, super().t_at(log_snr))


@dataclass(frozen=True)
class Half(Cosine):
    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        alpha, sigma = super().alpha_sigma(t)
        return alpha.astype(np.float32), sigma.astype(np.float32)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("schedule", "test", "advice"),
    [
        (Backwards, "noise_grows", "alpha is 0 before|must strictly decrease in t"),
        (Half, "noise_grows", "must be float64"),
        (Mismatched, "the_inverse", "t_at is not the inverse"),
        (Unclipped, "the_inverse", "clip it"),
    ],
)
def test_a_bad_schedule_is_found(schedule: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(ScheduleConformance, schedule), test, advice)


# -------------------------------------------------------------------------------------------------------------- grids


@dataclass(frozen=True)
class Repeats:
    def times(self, schedule: Schedule, steps: int) -> Array:
        times = np.linspace(1, 0, steps + 1)
        times[steps // 2] = times[steps // 2 - 1] if steps > 2 else times[steps // 2]
        return times


@dataclass(frozen=True)
class OneTooFew:
    def times(self, schedule: Schedule, steps: int) -> Array:
        return np.linspace(1, 0, steps)


@dataclass(frozen=True)
class Leading:
    def times(self, schedule: Schedule, steps: int) -> Array:
        return np.arange(steps, -1, -1) / (steps + 1)


@dataclass(frozen=True)
class Ratios:
    """Spaces noise levels that are infinite where alpha is 0."""

    def times(self, schedule: Schedule, steps: int) -> Array:
        alpha, sigma = schedule.alpha_sigma(np.array([1.0, 0.001]))
        with np.errstate(all="ignore"):
            levels = np.linspace(*(sigma / alpha), steps)
            return np.concatenate([[1.0], schedule.t_at(-2 * np.log(levels))[1:], [0.0]])


@pytest.mark.parametrize(
    ("grid", "advice"),
    [
        (Repeats, "does not strictly decrease"),
        (OneTooFew, "1 steps have 2 times"),
        (Leading, "drawing begins with pure noise, at t = 1 exactly"),
        (Ratios, "schedule=flow, steps=3.* holds NaN or infinity"),
    ],
)
def test_a_bad_grid_is_found(grid: type, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(GridConformance, grid), "times_fall", advice)
