"""Noise schedules: the paths x_t = alpha(t) x_0 + sigma(t) eps from data (t = 0) to noise (t = 1), in host float64.

Two kinds of path meet at t = 0. `LinearAlphaBar` and `EDM` stop at a smallest noise level sigma(0) > 0, as their
sources define them; all others reach data exactly (sigma(0) = 0, log-SNR infinite). Samplers treat both alike: a grid's
last time, t = 0, is taken as data (alpha 1, sigma 0), so the last step returns the prediction of x_0 itself.

Two kinds meet at t = 1 too. `Flow` and `ZeroTerminalSNR` end in pure noise (alpha(1) = 0, log-SNR minus infinity),
where a prediction of the noise says nothing about the image (`predictions.unsupported`); all others keep a trace of it.

The field's names are traps. "Linear" is linear in beta here as in DDPM (`LinearBeta`); in latent-diffusion's code it is
linear in sqrt(beta); and a schedule written "x_t ~ N(sqrt(alpha_t) x_0, (1 - alpha_t) I), alpha_t linear" is linear in
DDPM's alpha-bar, the cumulative product (`LinearAlphaBar`), which destroys the image far more slowly at first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Array


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


@dataclass(frozen=True)
class Flow:
    """The straight path x_t = (1 - t) x_0 + t eps, from data to pure noise: rectified flow (Liu et al. 2023, arXiv
    2209.03003, eq. 1, whose time runs the other way), flow matching with sigma_min = 0 (Lipman et al. 2023).
    """

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) = 1 - t and sigma(t) = t, of t's shape."""
        return 1 - t, np.array(t, np.float64)

    def t_at(self, log_snr: Array) -> Array:
        """The time of this log-SNR, in [0, 1]."""
        times: Array = np.exp(-np.logaddexp(0, np.asarray(log_snr, np.float64) / 2))
        return times


class Discrete(ABC):
    """A variance-preserving path given at T training steps: step k = 0, …, T - 1 is t = (k + 1) / T and t = 0 is data.

    Between the steps log(alpha_bar) is linear in t, which keeps the log-SNR strictly decreasing and both directions
    exact to rounding. Where the last step is pure noise (alpha_bar = 0), alpha is linear in t on the way to it.
    """

    @property
    @abstractmethod
    def alphas_cumprod(self) -> Array:
        """alpha_bar at the training steps, float64 [T], strictly decreasing in [0, 1), above 0 before the last."""

    @cached_property
    def _knots(self) -> tuple[Array, Array]:
        """Times and log(alpha_bar) of data and of all steps that are not pure noise."""
        alpha_bar = np.concatenate([[1.0], self.alphas_cumprod])
        count = np.count_nonzero(alpha_bar)
        return np.linspace(0, 1, len(alpha_bar))[:count], np.log(alpha_bar[:count])

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) = sqrt(alpha_bar) and sigma(t) = sqrt(1 - alpha_bar), of t's shape."""
        times, log_alpha_bar = self._knots
        values = np.interp(t, times, log_alpha_bar)
        if times[-1] < 1:
            with np.errstate(divide="ignore"):
                values = values + 2 * np.log(np.minimum((1 - t) / (1 - times[-1]), 1))
        return np.exp(values / 2), np.sqrt(np.abs(np.expm1(values)))

    def t_at(self, log_snr: Array) -> Array:
        """The time of this log-SNR, clipped to [0, 1]."""
        times, log_alpha_bar = self._knots
        values = -np.logaddexp(0, -log_snr)
        last = 1 - (1 - times[-1]) * np.exp(np.minimum(values - log_alpha_bar[-1], 0) / 2)
        return np.where(values < log_alpha_bar[-1], last, np.interp(-values, -log_alpha_bar, times))


@dataclass(frozen=True)
class LinearBeta(Discrete):
    """beta rises linearly over the training steps: DDPM (Ho et al. 2020, arXiv 2006.11239, section 4).

    The values belong to 1000 steps: with fewer, alpha_bar does not fall to noise unless beta_max is raised.
    """

    beta_min: float = 1e-4
    beta_max: float = 0.02
    train_steps: int = 1000

    def __post_init__(self) -> None:
        _check_betas("linear_beta", self.beta_min, self.beta_max)
        _check_train_steps("linear_beta", self.train_steps, at_least=1)

    @property
    def alphas_cumprod(self) -> Array:
        """alpha_bar_k = prod_{j <= k} (1 - beta_j), float64 [T]."""
        beta = np.linspace(self.beta_min, self.beta_max, self.train_steps)
        return np.cumprod(1 - beta, dtype=np.float64)


@dataclass(frozen=True)
class ZeroTerminalSNR(Discrete):
    """`LinearBeta`, its alpha shifted and scaled so that it keeps its first value and ends at 0: Lin et al. 2023
    (arXiv 2305.08891, algorithm 1).
    """

    beta_min: float = 1e-4
    beta_max: float = 0.02
    train_steps: int = 1000

    def __post_init__(self) -> None:
        _check_betas("zero_terminal_snr", self.beta_min, self.beta_max)
        _check_train_steps("zero_terminal_snr", self.train_steps, at_least=2)

    @property
    def alphas_cumprod(self) -> Array:
        """alpha_bar at the training steps, 0 at the last, float64 [T]."""
        beta = np.linspace(self.beta_min, self.beta_max, self.train_steps)
        alpha = np.sqrt(np.cumprod(1 - beta, dtype=np.float64))
        rescaled: Array = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
        return rescaled**2


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
        _check_train_steps("cosine", self.train_steps, at_least=1)

    @property
    def alphas_cumprod(self) -> Array:
        """alpha_bar at the training steps after the cap, float64 [T]."""
        angle = (np.linspace(0, 1, self.train_steps + 1) + self.offset) / (1 + self.offset) * (np.pi / 2)
        f = np.cos(angle) ** 2
        return np.cumprod(1 - np.minimum(1 - f[1:] / f[:-1], self.max_beta))


@dataclass(frozen=True)
class Tabulated(Discrete):
    """The path of a trained checkpoint, from its alphas_cumprod [T], noisier with every step, perhaps to pure noise."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not (np.diff([1.0, *self.values]) < 0).all() or self.values[-1] < 0:
            raise ValueError("alphas_cumprod must fall strictly, from below 1 and not below 0")

    @property
    def alphas_cumprod(self) -> Array:
        """The values, float64 [T]."""
        return np.asarray(self.values, np.float64)


def _check_betas(name: str, beta_min: float, beta_max: float) -> None:
    if not 0 < beta_min <= beta_max < 1:
        raise ValueError(f"{name} needs 0 < beta_min <= beta_max < 1, not beta_min={beta_min} and beta_max={beta_max}")


def _check_train_steps(name: str, train_steps: int, at_least: int) -> None:
    if train_steps < at_least:
        raise ValueError(f"{name} needs train_steps >= {at_least}, not {train_steps}")
