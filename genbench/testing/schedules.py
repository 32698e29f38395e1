"""What every noise schedule and every time grid must do, as tests."""

from __future__ import annotations

import numpy as np

from genbench.discovery.plugins import load_plugins
from genbench.interfaces.sampling import Grid, Schedule
from genbench.testing.suite import ValueSuite

STEPS = (1, 2, 3, 10, 50)


class ScheduleConformance(ValueSuite):
    """Subclass it with the `name` that the noise schedule is registered by."""

    kind = "schedule"

    def test_noise_grows_from_data(self) -> None:
        schedule: Schedule = self.build()
        t = np.linspace(0, 1, 101)
        alpha, sigma = schedule.alpha_sigma(t)
        assert alpha.shape == sigma.shape == t.shape, "alpha_sigma(t) must have t's shape"
        assert alpha.dtype == sigma.dtype == np.float64, "alpha_sigma(t) must be float64"
        assert np.isfinite(alpha).all(), "alpha is not finite somewhere in [0, 1]"
        assert np.isfinite(sigma).all(), "sigma is not finite somewhere in [0, 1]"
        assert (alpha >= 0).all(), "alpha is below 0 somewhere"
        assert (sigma >= 0).all(), "sigma is below 0 somewhere"
        assert (alpha + sigma > 0).all(), "alpha and sigma are both 0 somewhere"
        assert (alpha[:-1] > 0).all(), "alpha is 0 before t = 1: only the last level may be pure noise"
        log_snr = _log_snr(alpha[1:], sigma[1:])
        assert (np.diff(log_snr) < 0).all(), "log(alpha^2 / sigma^2) must strictly decrease in t: t = 0 is data"
        again = schedule.alpha_sigma(t)
        assert np.array_equal(again[0], alpha), "asked twice, alpha_sigma(t) gives two paths, or works in place"

    def test_the_inverse_is_one(self) -> None:
        schedule: Schedule = self.build()
        t = np.linspace(0.01, 1, 100)
        log_snr = _log_snr(*schedule.alpha_sigma(t))
        inside = np.isfinite(log_snr)
        times = schedule.t_at(log_snr[inside])
        assert times.shape == t[inside].shape, "t_at(log_snr) must have log_snr's shape"
        assert np.allclose(times, t[inside], atol=1e-6), "t_at is not the inverse of log-SNR"
        ends = schedule.t_at(np.array([200.0, -200.0]))
        assert ((ends >= 0) & (ends <= 1)).all(), f"t_at leaves [0, 1] for extreme log-SNR: {ends}; clip it"


class GridConformance(ValueSuite):
    """Subclass it with the `name` that the grid is registered by. It is tried on every schedule that is installed."""

    kind = "grid"

    def test_times_fall_from_noise_to_data(self) -> None:
        grid: Grid = self.build()
        for name, schedule in installed_schedules().items():
            for steps in STEPS:
                times = grid.times(schedule, steps)
                where = f"times(schedule={name}, steps={steps})"
                assert times.shape == (steps + 1,), (
                    f"{where} has shape {times.shape}: {steps} steps have {steps + 1} times"
                )
                assert times.dtype == np.float64, f"{where} is {times.dtype}: times are host float64"
                assert np.isfinite(times).all(), f"{where} holds NaN or infinity: {times}"
                assert times[0] == 1, f"{where} begins at {times[0]}: drawing begins with pure noise, at t = 1 exactly"
                assert times[-1] == 0, f"{where} ends at {times[-1]}: the last step ends in data, at t = 0 exactly"
                assert (np.diff(times) < 0).all(), f"{where} does not strictly decrease: {times}"
                assert np.array_equal(times, grid.times(schedule, steps)), f"{where} gives other times when asked again"


def installed_schedules() -> dict[str, Schedule]:
    """Every registered schedule with its default options."""
    registry = load_plugins().registry
    return {name: registry.get("schedule", name).options() for name in registry.names("schedule")}


def installed_grids() -> dict[str, Grid]:
    """Every registered grid with its default options."""
    registry = load_plugins().registry
    return {name: registry.get("grid", name).options() for name in registry.names("grid")}


def _log_snr(alpha: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        log_snr: np.ndarray = 2 * (np.log(alpha) - np.log(sigma))
    return log_snr
