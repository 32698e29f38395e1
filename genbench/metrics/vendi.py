"""The Vendi score: the effective number of distinct images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import Features, Metric
from genbench.metrics.checks import problem
from genbench.registry.entries import NoOptions
from genbench.statistics.standard_errors import delta_standard_error

ESTIMAND = "E[Vendi score] at this n, over draws of the generated images"


class VendiScore(Metric):
    """exp of the entropy of the eigenvalues of K / n, K the cosine similarities, in float64; higher is more diverse.

    Source: Friedman & Dieng, The Vendi Score (2023), definition 3.1, and section 3.2 for the dual form, which is
    used when there are more images than features. An image without features (all 0) is similar only to its like.
    """

    def __init__(self, options: NoOptions) -> None: ...

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """At least two generated images with finite features. The reference is not looked at."""
        return problem(generated, generated)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "vendi_score", between 1 and the number of images."""
        value, standard_error = vendi_score(generated.features.double())
        return {"vendi_score": Measurement(value, standard_error, ESTIMAND, len(generated), Direction.HIGHER)}


def vendi_score(x: Tensor) -> tuple[float, float]:
    """The score of float64 features [n, d], and its standard error.

    With rho = mean x x' over unit rows, the influence of image x on the entropy is -x' log(rho) x - H.
    """
    norms = x.norm(dim=1, keepdim=True)
    if (norms == 0).any():
        x = torch.cat([x, (norms == 0).to(x)], 1)
        norms = x.norm(dim=1, keepdim=True)
    x = x / norms
    n, d = x.shape
    if n > d:
        eigenvalues, vectors = torch.linalg.eigh(x.T @ x / n)
        weights = (x @ vectors).square()
    else:
        eigenvalues, vectors = torch.linalg.eigh(x @ x.T / n)
        weights = vectors.square() * (n * eigenvalues)
    kept = eigenvalues > max(n, d) * torch.finfo(x.dtype).eps * eigenvalues.max()
    surprise = -weights[:, kept] @ eigenvalues[kept].log()
    score = float(surprise.mean().exp())
    return score, score * delta_standard_error(surprise)
