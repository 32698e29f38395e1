"""The Fréchet distance between Gaussians fitted to features (the FID, when the features are Inception's)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import Features, Metric
from genbench.metrics.checks import problem
from genbench.registry.entries import NoOptions
from genbench.statistics.standard_errors import delta_standard_error

ESTIMAND = "E[FD] at this n and this reference size, over draws of both sets (the FD of the populations is smaller)"

SUPPORT = 1e-7  # singular values below this share of the largest carry no transport: rounding would dominate them


class FrechetDistance(Metric):
    """|m - m_r|^2 + tr S + tr S_r - 2 tr (S S_r)^(1/2), with unbiased covariances, in float64; lower is better.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule (2017), equation 6; the closed form is Dowson &
    Landau, The Fréchet distance between multivariate normal distributions (1982). For roots S = R'R of the covariances
    the last trace is the nuclear norm of R R_r', so no matrix square root is taken and nothing is ever complex.
    """

    def __init__(self, options: NoOptions) -> None: ...

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """At least two images a side, with finite features of equal width."""
        return problem(generated, reference)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "frechet_distance", in squared units of the features."""
        value, standard_error = frechet_distance(generated.features, reference.features)
        n = len(generated)
        return {"frechet_distance": Measurement(value, standard_error, ESTIMAND, n, Direction.LOWER)}


def frechet_distance(x: Tensor, y: Tensor) -> tuple[float, float]:
    """The distance between samples [n, d] and [m, d], and its standard error by the delta method.

    The influence of a draw x is (x - m)' (I - T) (x - m) + 2 (m - m_r)' (x - m), where T is the optimal transport map
    to the other Gaussian: the derivative of tr (S S_r)^(1/2) with respect to S is T / 2. Likewise for the reference.
    """
    x, y = x.double(), y.double()
    shift = x.mean(0) - y.mean(0)
    x, y = x - x.mean(0), y - y.mean(0)
    x_root, y_root = _root(x), _root(y)
    left, singular, right = _singular(x_root @ y_root.T)
    distance = shift.square().sum() + x_root.square().sum() + y_root.square().sum() - 2 * singular.sum()

    kept = singular > SUPPORT * singular.max()
    scale = singular[kept].rsqrt()
    x_transport = (right[:, kept].T @ y_root).T * scale
    y_transport = (left[:, kept].T @ x_root).T * scale
    standard_error = delta_standard_error(
        x.square().sum(1) - (x @ x_transport).square().sum(1) + 2 * x @ shift,
        y.square().sum(1) - (y @ y_transport).square().sum(1) - 2 * y @ shift,
    )
    return max(float(distance), 0.0), standard_error


def _root(centred: Tensor) -> Tensor:
    """R with R'R the covariance: the scaled rows themselves where they are fewer than columns, else a square root."""
    n, d = centred.shape
    if n <= d:
        return centred / math.sqrt(n - 1)
    covariance = centred.T @ centred / (n - 1)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        factor = vectors * values.clamp(min=0).sqrt()
    root: Tensor = factor.T
    return root


def _singular(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Singular vectors and values (columns of U, s, columns of V), in half the time of an SVD.

    Values far below the largest are lost in the eigenvalues of the Gram matrix, but not in the lengths of M'u.
    """
    if matrix.shape[0] > matrix.shape[1]:
        right, singular, left = _singular(matrix.T)
        return left, singular, right
    _, left = torch.linalg.eigh(matrix @ matrix.T)
    image = matrix.T @ left
    singular = image.norm(dim=0)
    return left, singular, image / singular.clamp(min=torch.finfo(matrix.dtype).tiny)
