"""Noise schedules: published values, exact inverses, and the peers' alphas_cumprod."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearAlphaBar, LinearBeta, Tabulated, ZeroTerminalSNR

TO_PURE_NOISE = [Flow(), ZeroTerminalSNR(), ZeroTerminalSNR(train_steps=10), Tabulated((0.9, 0.5, 0.0))]
SCHEDULES = [
    LinearAlphaBar(),
    LinearBeta(),
    Cosine(),
    EDM(),
    Tabulated(tuple(np.linspace(0.99, 0.01, 50))),
    *TO_PURE_NOISE,
]
QUARTERS = np.array([0.25, 0.5, 0.75, 1.0])


def log_snr(schedule, t):
    alpha, sigma = schedule.alpha_sigma(t)
    with np.errstate(divide="ignore"):
        return 2 * np.log(alpha / sigma)


@pytest.mark.parametrize(
    ("schedule", "alpha_bar"),
    [
        (LinearBeta(), [0.524, 0.079, 0.0034, 4.04e-5]),
        (Cosine(), [0.847, 0.494, 0.144, 2.43e-9]),
        (LinearAlphaBar(), [0.75, 0.50, 0.25, 1e-4]),
    ],
)
def test_alpha_bar_has_the_published_values(schedule, alpha_bar):
    alpha, sigma = schedule.alpha_sigma(QUARTERS)
    np.testing.assert_allclose(alpha**2, alpha_bar, rtol=1.5e-2)
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-15)


def test_cosine_is_the_closed_form_before_the_cap():
    t = np.arange(1, 1000) / 1000
    f = np.cos((np.append(t, 0) + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(Cosine().alpha_sigma(t)[0] ** 2, f[:-1] / f[-1], rtol=1e-11)


def test_edm_spaces_sigma_as_equation_5():
    alpha, sigma = EDM(0.002, 80, 7).alpha_sigma(np.array([0, 0.5, 1]))
    np.testing.assert_allclose(sigma, [0.002, ((0.002 ** (1 / 7) + 80 ** (1 / 7)) / 2) ** 7, 80], rtol=1e-13)
    assert (alpha == 1).all()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_log_snr_falls_strictly_and_t_at_is_its_inverse(schedule):
    t = np.concatenate([[1e-9, 1e-6], np.linspace(1e-4, 1, 2003)])
    snr = log_snr(schedule, t)
    assert (np.diff(snr) < 0).all()
    np.testing.assert_allclose(schedule.t_at(snr), t, rtol=0, atol=1e-12)
    inside = np.linspace(max(snr[-1], -20), snr[1000], 500)
    np.testing.assert_allclose(log_snr(schedule, schedule.t_at(inside)), inside, rtol=0, atol=1e-10)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_t_at_is_clipped_to_the_ends_of_the_path(schedule):
    times = schedule.t_at(np.array([1e3, np.inf, -1e3, -np.inf]))
    np.testing.assert_allclose(times, [0, 0, 1, 1], rtol=0, atol=1e-15)
    assert ((times >= 0) & (times <= 1)).all()


def test_discrete_paths_start_in_data_exactly_and_the_others_at_their_lowest_noise():
    zero = np.zeros(1)
    for schedule in (LinearBeta(), Cosine(), *TO_PURE_NOISE):
        alpha, sigma = schedule.alpha_sigma(zero)
        assert (alpha[0], sigma[0]) == (1, 0)
    assert LinearAlphaBar(first=0.99).alpha_sigma(zero)[1][0] == pytest.approx(0.1)
    assert EDM(sigma_min=0.01).alpha_sigma(zero)[1][0] == pytest.approx(0.01)


@pytest.mark.parametrize("schedule", TO_PURE_NOISE, ids=str)
def test_some_paths_end_in_pure_noise_exactly(schedule):
    alpha, sigma = schedule.alpha_sigma(np.ones(1))
    assert (alpha[0], sigma[0]) == (0, 1)
    np.testing.assert_allclose(schedule.t_at(log_snr(schedule, np.array([1 - 1e-12, 1.0]))), [1 - 1e-12, 1], rtol=1e-15)


def test_flow_is_the_straight_path():
    t = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(Flow().alpha_sigma(t), [1 - t, t])


def test_zero_terminal_snr_is_algorithm_1():
    t = np.arange(1, 1001) / 1000
    before, after = LinearBeta().alpha_sigma(t)[0], ZeroTerminalSNR().alpha_sigma(t)[0]
    expected = (before - before[-1]) * before[0] / (before[0] - before[-1])
    np.testing.assert_allclose(after, expected, rtol=1e-12, atol=1e-15)
    assert after[0] == pytest.approx(before[0], rel=1e-15)


def test_between_the_last_two_training_steps_alpha_falls_straight_to_zero():
    alpha, _ = ZeroTerminalSNR().alpha_sigma(np.array([0.999, 0.99925, 0.9995, 1.0]))
    np.testing.assert_allclose(alpha / alpha[0], [1, 0.75, 0.5, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LinearAlphaBar(first=1.0), "first < 1"),
        (lambda: LinearBeta(beta_min=0.5, beta_max=0.1), "beta_min <= beta_max"),
        (lambda: LinearBeta(train_steps=0), "train_steps >= 1"),
        (lambda: ZeroTerminalSNR(beta_max=1.0), "zero_terminal_snr needs 0 < beta_min"),
        (lambda: ZeroTerminalSNR(train_steps=1), "train_steps >= 2"),
        (lambda: Cosine(max_beta=1.0), "max_beta < 1"),
        (lambda: EDM(sigma_min=0), "0 < sigma_min"),
        (lambda: EDM(rho=0), "rho > 0"),
        (lambda: Tabulated((0.5, 0.5)), "fall strictly"),
        (lambda: Tabulated((0.5, -0.1)), "not below 0"),
    ],
)
def test_wrong_values_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_values_import_no_torch():
    names = ["schedules", "grids", "guidance", "predictions", "noise_levels", "tables", "samplers"]
    code = f"import sys, {', '.join('genbench.diffusion.' + name for name in names)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
