"""Standard errors against what is known of means, proportions and order statistics."""

import math

import pytest
import scipy.stats
import torch

from genbench.statistics.standard_errors import (
    delta_standard_error,
    jackknife_standard_error,
    proportion_standard_error,
)


def sample(n, seed=0):
    return torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def test_the_delta_method_of_a_mean_is_the_standard_error_of_the_mean():
    x = sample(40)
    assert delta_standard_error(x) == pytest.approx(scipy.stats.sem(x.numpy()), rel=1e-12)


def test_independent_samples_add_their_variances():
    x, y = sample(40), sample(25, 1)
    assert delta_standard_error(x, y) == pytest.approx(math.hypot(delta_standard_error(x), delta_standard_error(y)))


def test_the_jackknife_of_a_mean_is_the_standard_error_of_the_mean():
    x = sample(40)
    leave_one_out = (x.sum() - x) / 39
    assert jackknife_standard_error(leave_one_out) == pytest.approx(scipy.stats.sem(x.numpy()), rel=1e-10)


def test_the_jackknife_of_a_variance_agrees_with_its_theory():
    x = sample(2000)
    leave_one_out = torch.stack([torch.cat([x[:i], x[i + 1 :]]).var() for i in range(len(x))])
    assert jackknife_standard_error(leave_one_out) == pytest.approx(9 * math.sqrt(2 / 2000), rel=0.1)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_proportion_has_the_binomial_standard_error(p):
    n = 10_000
    assert proportion_standard_error(round(p * n), n) == pytest.approx(math.sqrt(p * (1 - p) / n), rel=0.01)


@pytest.mark.parametrize("successes", [0, 50])
def test_unanimous_draws_are_not_certain(successes):
    assert 1 / 50 < proportion_standard_error(successes, 50) < 3 / 50
