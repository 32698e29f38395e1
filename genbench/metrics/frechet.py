"""The Fréchet distance between Gaussians fitted to features (the FID, when the features are Inception's)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.metrics.checks import incomparable, other_width, too_few
from genbench.metrics.chunks import chunks, each, mean
from genbench.metrics.reference import ReferencePart
from genbench.statistics.standard_errors import delta_standard_error

ESTIMAND = "E[FD] at this n and this reference size, over draws of both sets (the FD of the populations is smaller)"
STATISTICS_ONLY = "only the mean and covariance of the reference are known, so its own draws have no known influence"

SUPPORT = 1e-7  # singular values below this share of the largest carry no transport: rounding would dominate them


class FrechetDistance(Metric):
    """|m - m_r|^2 + tr S + tr S_r - 2 tr (S S_r)^(1/2), with unbiased covariances, in float64; lower is better.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule (2017), equation 6; the closed form is Dowson &
    Landau, The Fréchet distance between multivariate normal distributions (1982). For roots S = R'R of the covariances
    the last trace is the nuclear norm of R R_r', so no matrix square root is taken and nothing is ever complex.
    """

    reads = ("generated", "reference", "features")
    measures = (MeasureInfo(name="frechet_distance", heading="FD", kind="both", direction="lower"),)

    def __init__(self, options: object = None) -> None:
        self._fit = ReferencePart(fitted)

    def unsupported(self, evidence: Evidence) -> str | None:
        """At least two images a side with features of equal width; of the reference their statistics are enough."""
        if (statistics := evidence.statistics()) is not None:
            return too_few(evidence) or other_width(evidence, len(statistics[0]))
        return incomparable(evidence)

    def measure(self, evidence: Evidence) -> Score:
        """Measures "frechet_distance", in squared units of the features, with the influence of each image on it."""
        x, y, statistics = evidence.features(), evidence.features("reference"), evidence.statistics()
        assert x is not None
        if y is not None:
            value, influence, other = frechet_distance(x, y, self._fit(y))
        else:
            assert statistics is not None
            value, influence, other = frechet_distance(x, None, Gaussian(statistics[0].double(), _root(statistics[1])))
        measurement = Measurement(
            value=value,
            standard_error=None if other is None else delta_standard_error(influence, other),
            standard_error_given_reference=delta_standard_error(influence),
            reason=STATISTICS_ONLY if other is None else None,
            estimand=ESTIMAND,
            n=len(x),
        )
        return Score({"frechet_distance": measurement}, {"influence": influence.float().numpy()})


@dataclass(frozen=True)
class Gaussian:
    """A mean [d] and a root R [r, d] of a covariance R'R, float64."""

    mean: Tensor
    root: Tensor


def fitted(x: Tensor) -> Gaussian:
    """The Gaussian with the mean and the unbiased covariance of a sample [n, d], n >= 2."""
    n, d = x.shape
    centre = mean(x)
    if n <= d:
        return Gaussian(centre, (x.double() - centre) / math.sqrt(n - 1))
    covariance = torch.zeros(d, d, dtype=torch.float64)
    for chunk in chunks(x):
        centred = chunk - centre
        covariance.addmm_(centred.T, centred)
    return Gaussian(centre, _root(covariance.div_(n - 1)))


def frechet_distance(x: Tensor, y: Tensor | None, fit: Gaussian | None = None) -> tuple[float, Tensor, Tensor | None]:
    """The distance between samples [n, d] and [m, d], and the influence of each draw on it, float64 [n] and [m].

    `fit` is `fitted(y)`, for whoever measures many samples against one; where nothing else is known of y it is None,
    and so are its influences.

    The influence of a draw x is (x - m)' (I - T) (x - m) + 2 (m - m_r)' (x - m), where T is the optimal transport map
    to the other Gaussian: the derivative of tr (S S_r)^(1/2) with respect to S is T / 2. Likewise for y. (The mean of
    each sample's influences is left in: standard errors do not see it.)
    """
    if fit is None:
        if y is None:
            raise ValueError("a distance needs a second sample, or the Gaussian that was fitted to it")
        fit = fitted(y)
    fit_x = fitted(x)
    shift = fit_x.mean - fit.mean
    left, singular, right = _singular(fit_x.root @ fit.root.T)
    distance = shift.square().sum() + fit_x.root.square().sum() + fit.root.square().sum() - 2 * singular.sum()

    kept = singular > SUPPORT * singular.max()
    scale = singular[kept].rsqrt()
    influence = _influence(x, fit_x.mean, shift, (right[:, kept].T @ fit.root).T * scale)
    reference = None if y is None else _influence(y, fit.mean, -shift, (left[:, kept].T @ fit_x.root).T * scale)
    return max(float(distance), 0.0), influence, reference


def _influence(x: Tensor, centre: Tensor, shift: Tensor, transport: Tensor) -> Tensor:
    """Of each row, where the transport map is `transport transport'` [d, d]."""

    def influence(chunk: Tensor) -> Tensor:
        centred = chunk - centre
        return centred.square().sum(1) - (centred @ transport).square().sum(1) + 2 * centred @ shift

    return each(x, influence)


def _root(covariance: Tensor) -> Tensor:
    """R with R'R the covariance [d, d]."""
    covariance = covariance.double()
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
