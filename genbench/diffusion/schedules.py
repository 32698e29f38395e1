"""Noise schedules: the paths x_t = alpha(t) x_0 + sigma(t) eps from data (t = 0) to noise (t = 1), in host float64.

Two kinds of path meet at t = 0. `LinearBeta`, `Cosine` and `Tabulated` reach data exactly (sigma(0) = 0, log-SNR
infinite). `LinearAlphaBar` and `EDM` stop at a smallest noise level sigma(0) > 0, as their sources define them.
Samplers treat both alike: a grid's last time, t = 0, is taken as data (alpha 1, sigma 0), so the last step returns the
prediction of x_0 itself.

The field's names are traps. "Linear" is linear in beta here as in DDPM (`LinearBeta`); in latent-diffusion's code it is
linear in sqrt(beta); and a schedule written "x_t ~ N(sqrt(alpha_t) x_0, (1 - alpha_t) I), alpha_t linear" is linear in
DDPM's alpha-bar, the cumulative product (`LinearAlphaBar`), which destroys the image far more slowly at first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearAlphaBar:
    """alpha_bar falls linearly in t from `first` at t = 0 to `last` at t = 1; variance preserving.

    sigma(0) = sqrt(1 - first) > 0. Not DDPM's "linear": see the top of this module.
    """

    first: float = 0.9999
    last: float = 1e-4

    def __post_init__(self) -> None:
        if not 0 < self.last < self.first < 1:
            raise ValueError(f"linear_alpha_bar needs 0 < last < first < 1, not first={self.first}, last={self.last}")

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) = sqrt(alpha_bar) and sigma(t) = sqrt(1 - alpha_bar), of t's shape."""
        fall = (self.first - self.last) * t
        return np.sqrt(self.first - fall), np.sqrt((1 - self.first) + fall)

    def t_at(self, log_snr: Array) -> Array:
        """The time of this log-SNR, clipped to [0, 1]."""
        variance = np.exp(-np.logaddexp(0, log_snr))
        return np.clip((variance - (1 - self.first)) / (self.first - self.last), 0, 1)


@dataclass(frozen=True)
class EDM:
    """alpha = 1 and sigma^(1/rho) linear in t from sigma_min at t = 0 to sigma_max at t = 1: variance exploding.

    Karras et al. 2022 (arXiv 2206.00364): path of Table 1 (sigma is the paper's time), the spacing of eq. 5 as our t,
    so that equal steps of t are sensible. The paper's own time steps are the grid `Karras`.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(
                f"edm needs 0 < sigma_min < sigma_max, not sigma_min={self.sigma_min}, sigma_max={self.sigma_max}"
            )
        if self.rho <= 0:
            raise ValueError(f"edm needs rho > 0 (the paper uses 7), not {self.rho}")

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) = 1 and sigma(t), of t's shape."""
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        return np.ones_like(t), (low + t * (high - low)) ** self.rho

    def t_at(self, log_snr: Array) -> Array:
        """The time of this log-SNR, clipped to [0, 1]."""
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        times: Array = (np.exp(log_snr / (-2 * self.rho)) - low) / (high - low)
        return np.clip(times, 0, 1)


class Discrete(ABC):
    """A variance-preserving path given at T training steps: step k = 0, …, T - 1 is t = (k + 1) / T and t = 0 is data.

    Between the steps log(alpha_bar) is linear in t, which keeps the log-SNR strictly decreasing and both directions
    exact to rounding.
    """

    @property
    @abstractmethod
    def alphas_cumprod(self) -> Array:
        """alpha_bar at the training steps, float64 [T], strictly decreasing in (0, 1)."""

    @cached_property
    def _knots(self) -> tuple[Array, Array]:
        log_alpha_bar = np.concatenate([[0.0], np.log(self.alphas_cumprod)])
        return np.linspace(0, 1, len(log_alpha_bar)), log_alpha_bar

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) = sqrt(alpha_bar) and sigma(t) = sqrt(1 - alpha_bar), of t's shape."""
        log_alpha_bar = np.interp(t, *self._knots)
        return np.exp(log_alpha_bar / 2), np.sqrt(np.abs(np.expm1(log_alpha_bar)))

    def t_at(self, log_snr: Array) -> Array:
        """The time of this log-SNR, clipped to [0, 1]."""
        times, log_alpha_bar = self._knots
        return np.interp(np.logaddexp(0, -log_snr), -log_alpha_bar, times)


@dataclass(frozen=True)
class LinearBeta(Discrete):
    """beta rises linearly over the training steps: DDPM (Ho et al. 2020, arXiv 2006.11239, section 4).

    The values belong to 1000 steps: with fewer, alpha_bar does not fall to noise unless beta_max is raised.
    """

    beta_min: float = 1e-4
    beta_max: float = 0.02
    train_steps: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max < 1:
            raise ValueError(
                f"linear_beta needs 0 < beta_min <= beta_max < 1, not beta_min={self.beta_min} and"
                f" beta_max={self.beta_max}"
            )
        _check_train_steps("linear_beta", self.train_steps)

    @property
    def alphas_cumprod(self) -> Array:
        """alpha_bar_k = prod_{j <= k} (1 - beta_j), float64 [T]."""
        beta = np.linspace(self.beta_min, self.beta_max, self.train_steps)
        return np.cumprod(1 - beta, dtype=np.float64)


@dataclass(frozen=True)
class Cosine(Discrete):
    """alpha_bar = f(t) / f(0), f(t) = cos^2((t + offset) / (1 + offset) pi / 2): Nichol & Dhariwal 2021
    (arXiv 2102.09672, eq. 17).

    Each step's beta is capped at `max_beta` as in the paper, without which the path would end at alpha = 0 and an
    infinite log-SNR; only the last of 1000 steps is touched (alpha_bar ends at 2.4e-9).
    """

    offset: float = 0.008
    max_beta: float = 0.999
    train_steps: int = 1000

    def __post_init__(self) -> None:
        if self.offset < 0 or not 0 < self.max_beta < 1:
            raise ValueError(
                f"cosine needs offset >= 0 and 0 < max_beta < 1, not offset={self.offset}, max_beta={self.max_beta}"
            )
        _check_train_steps("cosine", self.train_steps)

    @property
    def alphas_cumprod(self) -> Array:
        """alpha_bar at the training steps after the cap, float64 [T]."""
        angle = (np.linspace(0, 1, self.train_steps + 1) + self.offset) / (1 + self.offset) * (np.pi / 2)
        f = np.cos(angle) ** 2
        return np.cumprod(1 - np.minimum(1 - f[1:] / f[:-1], self.max_beta))


@dataclass(frozen=True)
class Tabulated(Discrete):
    """The path of a trained checkpoint, from its alphas_cumprod [T], noisier with every step."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not (np.diff([1.0, *self.values, 0.0]) < 0).all():
            raise ValueError("alphas_cumprod must fall strictly from below 1 to above 0")

    @property
    def alphas_cumprod(self) -> Array:
        """The values, float64 [T]."""
        return np.asarray(self.values, np.float64)


def _check_train_steps(name: str, train_steps: int) -> None:
    if train_steps < 1:
        raise ValueError(f"{name} needs train_steps >= 1, not {train_steps}")
