"""Samplers as tables, without torch: what every table must keep, and the orders at which they converge."""

from __future__ import annotations

import numpy as np
import pytest

from genbench.diffusion.grids import Karras, UniformLogSNR, UniformTime
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearAlphaBar, LinearBeta, ZeroTerminalSNR
from genbench.diffusion.tables import DATA, Level

SAMPLERS = {
    "ddim": DDIM,
    "ddim_half": lambda steps: DDIM(steps, eta=0.5),
    "ancestral": Ancestral,
    "euler": Euler,
    "heun": Heun,
}
SCHEDULES = [LinearAlphaBar(), LinearBeta(), Cosine(), EDM(), Flow(), ZeroTerminalSNR()]
GRIDS = [UniformTime(), UniformLogSNR(), Karras()]


def constant(value):
    def denoise(x, level):
        return value * np.eye(1, len(x))[0]

    return denoise


def pure_noise(schedule):
    alpha, sigma = schedule.alpha_sigma(np.ones(1))
    return Level(float(alpha[0]), float(sigma[0]), 1.0)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
class TestEveryTable:
    def test_a_constant_prediction_is_reached_and_no_noise_is_left(self, schedule, grid, sampler, linear_form):
        form = linear_form(sampler(11).table(schedule, grid.times(schedule, 11)), constant(0.37))
        assert form[0] == pytest.approx(0.37, rel=1e-12)
        assert np.linalg.norm(form[1:]) < 1e-12

    def test_stopped_early_the_noise_level_is_kept(self, schedule, grid, sampler, linear_form):
        times = grid.times(schedule, 11)[:-2]
        alphas, sigmas = schedule.alpha_sigma(times)
        table = sampler(9).table(schedule, times)
        noise = linear_form(table, constant(0.0))
        assert noise[0] == 0
        assert np.linalg.norm(noise) == pytest.approx(sigmas[-1], rel=1e-9)
        mean = linear_form(table, constant(0.37), start=alphas[0] * 0.37)[0]
        assert mean == pytest.approx(alphas[-1] * 0.37, rel=1e-9)

    def test_rows_say_the_levels_they_reach(self, schedule, grid, sampler):
        times = grid.times(schedule, 11)
        levels = [row.level for row in sampler(11).table(schedule, times).rows]
        assert list(dict.fromkeys(level.t for level in levels)) == times.tolist()
        assert levels[-1] == DATA
        alpha, sigma = schedule.alpha_sigma(np.array([level.t for level in levels[:-1]]))
        np.testing.assert_allclose([level.alpha for level in levels[:-1]], alpha, rtol=1e-14)
        np.testing.assert_allclose([level.sigma for level in levels[:-1]], sigma, rtol=1e-14)

    def test_gaussian_data_are_drawn_ever_better(self, schedule, grid, sampler, linear_form, gaussian):
        start, errors = pure_noise(schedule), []
        mean, spread = gaussian.flow(start, DATA)
        for steps in (128, 256):
            form = linear_form(sampler(steps).table(schedule, grid.times(schedule, steps)), gaussian.denoise)
            # From pure noise the mean is exact; a path that ends above it starts from noise around 0, not alpha MEAN.
            assert form[0] == pytest.approx(mean, abs=5e-3 if start.alpha > 0 else 1e-12)
            errors.append(abs(np.linalg.norm(form[1:]) / spread - 1))
        assert errors[1] < 0.06
        assert errors[1] < errors[0] / 1.5


@pytest.mark.parametrize("schedule", [Flow(), ZeroTerminalSNR()], ids=str)
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_the_first_step_from_pure_noise_is_ddims(schedule, sampler):
    table = sampler(5).table(schedule, UniformTime().times(schedule, 5))
    step = next(row for row in table.rows if row.call is not None)
    assert (step.call.alpha, step.level.t, step.target) == (0, 0.8, 0)
    alpha, sigma = step.level.alpha, step.level.sigma
    kept = dict(step.weights).get(0, 0.0)
    assert dict(step.weights)[1] == pytest.approx(alpha)
    assert np.hypot(kept, step.fresh) == pytest.approx(sigma)


def uniform_log_snr(steps, highest=20.0, lowest=0.05):
    """Equal steps in log-SNR that stop short of data, so that the order of the solver is all there is."""
    return EDM().t_at(np.linspace(-2 * np.log(highest), -2 * np.log(lowest), steps + 1))


@pytest.mark.parametrize(
    ("sampler", "order", "tolerance"), [(DDIM, 1, 0.1), (Euler, 1, 0.1), (Heun, 2, 0.15)], ids=["ddim", "euler", "heun"]
)
def test_ode_solvers_converge_at_their_order(sampler, order, tolerance, linear_form, gaussian):
    mean, spread = gaussian.flow(Level(1, 20, 1), Level(1, 0.05, 0))
    steps, errors = np.array([32, 64, 128]), []
    for count in steps:
        form = linear_form(sampler(count).table(EDM(), uniform_log_snr(count)), gaussian.denoise)
        errors.append(np.hypot(form[0] - mean, form[1] - spread))
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=tolerance)


def test_heun_is_of_second_order_from_pure_noise_too(linear_form, gaussian):
    # The first step is DDIM's, of local error 1 / s^2 at the level s it reaches; here that is the same for all N.
    steps, errors = np.array([32, 64, 128]), []
    for count in steps:
        times = np.concatenate([[1.0], Flow().t_at(np.linspace(-2 * np.log(1e4), -2 * np.log(0.05), count))])
        form = linear_form(Heun(count).table(Flow(), times), gaussian.denoise)
        end = Level(*(float(c) for c in Flow().alpha_sigma(times[-1])), 0)
        errors.append(np.abs(form[:2] - gaussian.flow(Level(0, 1, 1), end)).max())
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(2, abs=0.15)


def test_ancestral_sampling_converges_to_the_distribution_of_the_data(linear_form, gaussian):
    steps, errors = np.array([128, 256, 512]), []
    for count in steps:
        times = UniformLogSNR().times(LinearBeta(), count)
        form = linear_form(Ancestral(count).table(LinearBeta(), times), gaussian.denoise)
        assert form[0] == pytest.approx(gaussian.mean, abs=1e-4)
        errors.append(np.linalg.norm(form[1:]) / gaussian.std - 1)
    # The spread is first order in 1 / steps (DDPM's posterior variance is a lower bound); its limit is the data's.
    assert -np.polyfit(np.log(steps), np.log(np.abs(errors)), 1)[0] == pytest.approx(1, abs=0.05)
    assert 2 * errors[-1] - errors[-2] == pytest.approx(0, abs=1e-3)


def test_ancestral_variances_lie_between_the_posteriors_and_the_forward_ones():
    times = np.array([1.0, 0.6, 0.2, 0.0])
    (_, *steps, last) = Ancestral(3).table(LinearBeta(), times).rows
    for row in steps:
        alpha_bar, alpha_bar_next = row.call.alpha**2, row.level.alpha**2
        beta = 1 - alpha_bar / alpha_bar_next
        low, high = row.variance
        assert high == pytest.approx(beta, rel=1e-12)  # Ho et al. 2020, section 3.2
        assert low == pytest.approx((1 - alpha_bar_next) / (1 - alpha_bar) * beta, rel=1e-12)  # eq. 7
        assert low == pytest.approx(row.fresh**2, rel=1e-12)
    assert (last.variance, last.noise) == (None, ())


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_paths_with_the_same_log_snr_differ_by_alpha_only(sampler, linear_form, gaussian):
    log_snr = np.linspace(-2 * np.log(50), -2 * np.log(0.02), 14)
    forms = []
    for path in (LinearBeta(), EDM(), Flow()):
        times = path.t_at(log_snr)
        form = linear_form(sampler(13).table(path, times), gaussian.denoise)
        forms.append(form / path.alpha_sigma(times)[0][-1])
    np.testing.assert_allclose(forms[1], forms[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(forms[2], forms[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "schedule", "nfe"),
    [
        ("ddim", EDM(), 18),
        ("ancestral", EDM(), 18),
        ("euler", EDM(), 18),
        ("heun", EDM(), 35),
        ("ddim", Flow(), 18),
        ("heun", Flow(), 34),
    ],
)
def test_nfe(name, schedule, nfe):
    assert SAMPLERS[name](18).table(schedule, Karras().times(schedule, 18)).nfe() == nfe


def test_samplers_share_the_initial_noise():
    for sampler in SAMPLERS.values():
        start = sampler(4).table(EDM(), Karras().times(EDM(), 4)).rows[0]
        assert (start.call, start.noise) == (None, ((0, pytest.approx(80)),))
    at_once = np.array([1.0, 0.0])
    assert Ancestral(1).table(EDM(), at_once) == Euler(1).table(EDM(), at_once) == DDIM(1).table(EDM(), at_once)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_a_step_is_needed(sampler):
    with pytest.raises(ValueError, match="steps >= 1, not 0"):
        sampler(0)


def test_eta_out_of_range_is_refused():
    for eta in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="eta between 0"):
            DDIM(eta=eta)
