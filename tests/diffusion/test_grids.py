"""Time grids: their spacing, and that each fits every path."""

from __future__ import annotations

import numpy as np
import pytest

from genbench.diffusion.grids import Karras, UniformLogSNR, UniformTime
from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearAlphaBar, LinearBeta, ZeroTerminalSNR

TO_PURE_NOISE = [Flow(), ZeroTerminalSNR()]
SCHEDULES = [LinearAlphaBar(), LinearBeta(), Cosine(), EDM(), *TO_PURE_NOISE]


def noise_levels(schedule, times):
    alpha, sigma = schedule.alpha_sigma(times)
    return sigma / alpha


@pytest.mark.parametrize("steps", [1, 2, 18, 1000])
@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR(), Karras()], ids=str)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_times_fall_strictly_from_noise_to_data(schedule, grid, steps):
    times = grid.times(schedule, steps)
    assert times.shape == (steps + 1,)
    assert (times[0], times[-1]) == (1, 0)
    assert (np.diff(times) < 0).all()


def test_karras_on_edm_is_equation_5():
    i = np.arange(18)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    np.testing.assert_allclose(noise_levels(EDM(), Karras().times(EDM(), 18)[:-1]), expected, rtol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_karras_and_log_snr_spacing_hold_on_every_path(schedule):
    first = 1 if schedule in TO_PURE_NOISE else 0
    for grid, warp in ((Karras(rho=5), lambda level: level ** (1 / 5)), (UniformLogSNR(), np.log)):
        spacing = np.diff(warp(noise_levels(schedule, grid.times(schedule, 12)[first:-1])))
        np.testing.assert_allclose(spacing, spacing[0], rtol=1e-8)


@pytest.mark.parametrize("grid", [Karras(), UniformLogSNR()], ids=str)
@pytest.mark.parametrize("schedule", TO_PURE_NOISE, ids=str)
def test_where_alpha_ends_at_zero_levels_are_spaced_from_the_last_finite_one_on(schedule, grid):
    for steps in (2, 3, 18):
        times = grid.times(schedule, steps)
        assert times[0] == 1
        assert times[1] == pytest.approx(0.999, abs=1e-12)


def test_the_lowest_noise_is_the_first_training_step_or_the_paths_own():
    for schedule, lowest in ((LinearBeta(), np.sqrt(1e-4 / (1 - 1e-4))), (EDM(), 0.002)):
        for grid in (UniformLogSNR(), Karras()):
            assert noise_levels(schedule, grid.times(schedule, 10))[-2] == pytest.approx(lowest, rel=1e-9)


def test_wrong_rho_is_refused():
    with pytest.raises(ValueError, match="rho > 0"):
        Karras(rho=-1)
