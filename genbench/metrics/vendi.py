"""The Vendi score: the effective number of distinct images."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.metrics.checks import too_few
from genbench.metrics.chunks import chunks, each
from genbench.statistics.standard_errors import delta_standard_error

ESTIMAND = "E[Vendi score] at this n, over draws of the generated images"


class VendiScore(Metric):
    """exp of the entropy of the eigenvalues of K / n, K the cosine similarities, in float64; higher is more diverse.

    Source: Friedman & Dieng, The Vendi Score (2023), definition 3.1, and section 3.2 for the dual form, which is
    used when there are more images than features. An image without features (all 0) is similar only to its like.
    It does not rank: noise is more diverse than real images are.
    """

    reads = ("generated", "features")
    measures = (MeasureInfo(name="vendi_score", heading="Vendi", kind="diversity", direction="higher", ranks=False),)

    def __init__(self, options: object = None) -> None: ...

    def unsupported(self, evidence: Evidence) -> str | None:
        """At least two generated images."""
        return too_few(evidence)

    def measure(self, evidence: Evidence) -> Score:
        """Measures "vendi_score", between 1 and the number of images."""
        x = evidence.features()
        assert x is not None
        value, influence = vendi_score(x)
        error = delta_standard_error(influence)
        measurement = Measurement(
            value=value, standard_error=error, standard_error_given_reference=error, estimand=ESTIMAND, n=len(x)
        )
        return Score({"vendi_score": measurement})


def vendi_score(x: Tensor) -> tuple[float, Tensor]:
    """The score of features [n, d], and the influence of each image on it, float64 [n].

    With rho = mean x x' over unit rows, the influence of image x on the entropy is -x' log(rho) x - H.
    """
    n, d = x.shape
    if n > d:
        rho = sum((unit.T @ unit for unit in map(_unit, chunks(x))), torch.zeros((), dtype=torch.float64)) / n
        eigenvalues, vectors = torch.linalg.eigh(rho)
    else:
        rows = _unit(x.double())
        eigenvalues, coordinates = torch.linalg.eigh(rows @ rows.T / n)
    kept = eigenvalues > max(n, d) * torch.finfo(torch.float64).eps * eigenvalues.max()
    log = eigenvalues[kept].log()
    if n > d:
        surprise = each(x, lambda chunk: -(_unit(chunk) @ vectors[:, kept]).square() @ log)
    else:
        surprise = -coordinates[:, kept].square() * (n * eigenvalues[kept]) @ log
    score = float(surprise.mean().exp())
    return score, score * (surprise - surprise.mean())


def _unit(rows: Tensor) -> Tensor:
    """Rows [b, d] of length 1, with one more column, in which alone the rows of length 0 lie."""
    norms = rows.norm(dim=1, keepdim=True)
    empty = (norms == 0).to(rows)
    return torch.cat([rows / (norms + empty), empty], 1)
