"""Solvers as tables, without torch: what every table must keep, and the orders at which they converge.

A table is linear, so it can be run on exact linear forms: a slot is the vector of its coefficients on (1, z_0, z_1, …),
z_i being the noise of row i. Means and variances are then exact.
"""

from __future__ import annotations

import numpy as np
import pytest

from genbench.diffusion import solvers
from genbench.diffusion.grids import Karras, UniformLogSNR, UniformTime
from genbench.diffusion.schedules import EDM, Cosine, LinearAlphaBar, LinearBeta
from genbench.diffusion.tables import Row

SOLVERS = {
    "ddim": solvers.ddim,
    "ddim_half": lambda schedule, times: solvers.ddim(schedule, times, 0.5),
    "ancestral": solvers.ancestral,
    "euler": solvers.euler,
    "heun": solvers.heun,
}
MEAN, STD = 0.7, 0.5


def run(table, denoise, start=0.0):
    """The last state as a linear form, from noise around `start`; slots are NaN before."""
    slots = np.full((table.slots, 1 + len(table.rows)), np.nan)
    for index, row in enumerate(table.rows):
        if row.call is not None:
            x = slots[row.source].copy()
            slots[row.memory] = row.on_state * x + row.on_x0 * denoise(x, row.call)
        new = sum((weight * slots[slot] for slot, weight in row.weights), np.zeros(slots.shape[1]))
        new[0] += start if index == 0 else 0
        new[1 + index] += row.noise
        slots[row.target] = new
    return slots[table.rows[-1].target]


def constant(value):
    def denoise(x, call):
        form = np.zeros_like(x)
        form[0] = value
        return form

    return denoise


def gaussian(x, call):
    """E[x_0 | x] for x_0 ~ N(MEAN, STD^2)."""
    slope = call.alpha * STD**2 / (call.alpha**2 * STD**2 + call.sigma**2)
    form = slope * x
    form[0] += MEAN - slope * call.alpha * MEAN
    return form


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR(), Karras()], ids=str)
@pytest.mark.parametrize("schedule", [LinearAlphaBar(), LinearBeta(), Cosine(), EDM()], ids=str)
class TestEveryTable:
    def test_a_constant_prediction_is_reached_and_no_noise_is_left(self, schedule, grid, solver):
        form = run(solver(schedule, grid.times(schedule, 11)), constant(0.37))
        assert form[0] == pytest.approx(0.37, rel=1e-12)
        assert np.linalg.norm(form[1:]) < 1e-12

    def test_stopped_early_the_noise_level_is_kept(self, schedule, grid, solver):
        times = grid.times(schedule, 11)[:-2]
        alphas, sigmas = schedule.alpha_sigma(times)
        table = solver(schedule, times)
        noise = run(table, constant(0.0))
        assert noise[0] == 0
        assert np.linalg.norm(noise) == pytest.approx(sigmas[-1], rel=1e-9)
        mean = run(table, constant(0.37), start=alphas[0] * 0.37)[0]
        assert mean == pytest.approx(alphas[-1] * 0.37, rel=1e-9)


def uniform_log_snr(steps, highest=20.0, lowest=0.05):
    """Equal steps in log-SNR that stop short of data, so that the order of the solver is all there is."""
    return EDM().t_at(np.linspace(-2 * np.log(highest), -2 * np.log(lowest), steps + 1))


@pytest.mark.parametrize(
    ("solver", "order", "tolerance"),
    [(solvers.ddim, 1, 0.1), (solvers.euler, 1, 0.1), (solvers.heun, 2, 0.15)],
    ids=["ddim", "euler", "heun"],
)
def test_ode_solvers_converge_at_their_order(solver, order, tolerance):
    # d(x - MEAN) shrinks by sqrt((s'^2 + STD^2) / (s^2 + STD^2)) on the probability-flow ODE of a Gaussian.
    shrink = np.sqrt((0.05**2 + STD**2) / (20**2 + STD**2))
    steps, errors = np.array([32, 64, 128]), []
    for count in steps:
        form = run(solver(EDM(), uniform_log_snr(count)), gaussian)
        errors.append(np.hypot(form[0] - MEAN * (1 - shrink), form[1] - 20 * shrink))
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=tolerance)


def test_ancestral_sampling_converges_to_the_distribution_of_the_data():
    steps, errors = np.array([128, 256, 512]), []
    for count in steps:
        form = run(solvers.ancestral(LinearBeta(), UniformLogSNR().times(LinearBeta(), count)), gaussian)
        assert form[0] == pytest.approx(MEAN, abs=1e-4)
        errors.append(np.linalg.norm(form[1:]) / STD - 1)
    # The spread is first order in 1 / steps (DDPM's posterior variance is a lower bound); its limit is the data's.
    assert -np.polyfit(np.log(steps), np.log(np.abs(errors)), 1)[0] == pytest.approx(1, abs=0.05)
    assert 2 * errors[-1] - errors[-2] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", SOLVERS)
def test_paths_with_the_same_log_snr_differ_by_alpha_only(name):
    log_snr = np.linspace(-2 * np.log(50), -2 * np.log(0.02), 14)
    vp, ve = LinearBeta(), EDM()
    alpha = vp.alpha_sigma(vp.t_at(log_snr))[0]
    forms = [run(SOLVERS[name](path, path.t_at(log_snr)), gaussian) for path in (vp, ve)]
    np.testing.assert_allclose(forms[0] / alpha[-1], forms[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "nfe"), [("ddim", 18), ("ancestral", 18), ("euler", 18), ("heun", 35)])
def test_nfe(name, nfe):
    assert SOLVERS[name](EDM(), Karras().times(EDM(), 18)).nfe == nfe


def test_a_row_whose_own_weight_is_not_first_is_refused():
    with pytest.raises(ValueError, match="must come first"):
        Row(None, 0, ((1, 0.5), (0, 0.5)))
