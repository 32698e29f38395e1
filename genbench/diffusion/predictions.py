"""What the network predicts, as one linear map: x_0 = c_skip x + c_out network(c_in x, label).

Every parametrisation of the field is of this form (Karras et al. 2022, arXiv 2206.00364, eq. 7, here for any path
x = alpha x_0 + sigma eps), so samplers see predictions of x_0 only. alpha and sigma are scalars or arrays of one shape.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Array, Schedule

LABEL_RANGE = 5.0  # |label| is clipped here, at sigma / alpha = exp(-20) and exp(20): data itself has label -5


class Prediction(Enum):
    """The network's target: the noise (DDPM), the image, the velocity (Salimans & Ho 2022, arXiv 2202.00512,
    appendix D) or EDM's mix, which has unit variance at every noise level.
    """

    epsilon = "epsilon"
    x0 = "x0"
    v = "v"
    edm = "edm"


def preconditioning(
    prediction: Prediction, alpha: Array | float, sigma: Array | float, sigma_data: float = 1.0
) -> tuple[Array, Array, Array]:
    """(c_skip, c_out, c_in). `sigma_data` is the standard deviation of the data.

    c_in gives the network's input unit variance; on a variance-preserving path with sigma_data = 1 it is 1. All are
    finite where alpha = 0, but for epsilon, which `unsupported` refuses there.
    """
    alpha, sigma = np.asarray(alpha, np.float64), np.asarray(sigma, np.float64)
    total = np.hypot(alpha * sigma_data, sigma)
    c_in = 1 / total
    match prediction:
        case Prediction.epsilon:
            return 1 / alpha, -sigma / alpha, c_in
        case Prediction.x0:
            return np.zeros_like(alpha), np.ones_like(alpha), c_in
        case Prediction.v:
            radius = np.hypot(alpha, sigma)
            return alpha / radius**2, -sigma / radius, c_in
        case Prediction.edm:
            return sigma_data**2 * alpha / total**2, sigma * sigma_data / total, c_in


def target_weights(
    prediction: Prediction, alpha: Array | float, sigma: Array | float, sigma_data: float = 1.0
) -> tuple[Array, Array]:
    """(a, b) such that the network's target is a x_0 + b eps.

    It is (x_0 - c_skip x) / c_out with the cancellation done by hand. The squared error on this target, unweighted, is
    DDPM's simple loss for epsilon and EDM's loss (eq. 8 with lambda = 1 / c_out^2) for edm.
    """
    alpha, sigma = np.asarray(alpha, np.float64), np.asarray(sigma, np.float64)
    zero, one = np.zeros_like(alpha), np.ones_like(alpha)
    match prediction:
        case Prediction.epsilon:
            return zero, one
        case Prediction.x0:
            return one, zero
        case Prediction.v:
            radius = np.hypot(alpha, sigma)
            return -sigma / radius, alpha / radius
        case Prediction.edm:
            total = np.hypot(alpha * sigma_data, sigma)
            return sigma / (sigma_data * total), -alpha * sigma_data / total


def unsupported(prediction: Prediction, schedule: Schedule) -> str | None:
    """Why this prediction cannot be sampled on this path and what could (None if it can), before any work is spent."""
    alpha, _ = schedule.alpha_sigma(np.ones(1))
    if prediction is Prediction.epsilon and alpha[0] == 0:
        others = ", ".join(other.value for other in Prediction if other is not Prediction.epsilon)
        return (
            "the schedule ends in pure noise (alpha = 0), where a prediction of the noise says nothing about the image:"
            f" choose a prediction out of {others}, or a schedule that ends above it, such as cosine"
        )
    return None


def label(alpha: Array | float, sigma: Array | float) -> Array:
    """What the network is told about the noise level: ln(sigma / alpha) / 4, EDM's c_noise (Table 1), in [-5, 5].

    It depends on the log-SNR alone, so a network does not care which path it is sampled on.
    """
    with np.errstate(divide="ignore"):
        return np.clip(np.log(np.divide(sigma, alpha)) / 4, -LABEL_RANGE, LABEL_RANGE)
