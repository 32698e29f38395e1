"""Standard errors of statistics of independent draws."""

from __future__ import annotations

import math

from torch import Tensor


def delta_standard_error(*influences: Tensor) -> float:
    """The delta method: sqrt(sum over samples of var(psi) / n), for independent samples.

    Each argument holds the statistic's influence values psi [n], n >= 2, of one sample (their mean is irrelevant).
    Source: van der Vaart, Asymptotic Statistics (1998), chapter 20. The influence of a mean is the values themselves.
    """
    return math.sqrt(sum(float(psi.var()) / len(psi) for psi in influences))


def jackknife_standard_error(leave_one_out: Tensor) -> float:
    """The jackknife, from the n values [n] that the statistic takes when one draw is left out.

    Its variance is on average too large, never too small, for symmetric statistics of n - 1 draws
    (Efron & Stein, The jackknife estimate of variance, Annals of Statistics 9, 1981, equation 1.6).
    """
    n = len(leave_one_out)
    return (n - 1) * math.sqrt(float(leave_one_out.var()) / n)


def proportion_standard_error(successes: int, n: int) -> float:
    """For a proportion of n independent draws, never 0: two successes and two failures are added first.

    Source: Agresti & Coull, Approximate is better than "exact" for interval estimation, American Statistician 52, 1998.
    """
    p = (successes + 2) / (n + 4)
    return math.sqrt(p * (1 - p) / (n + 4))
