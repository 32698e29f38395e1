"""The Inception Score: how confident and how varied a classifier's answers are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.metrics.checks import too_few
from genbench.metrics.chunks import chunks, each
from genbench.metrics.options import InceptionScoreOptions
from genbench.statistics.standard_errors import delta_standard_error

SHUFFLE_SEED = 2020  # torch-fidelity's


class InceptionScore(Metric):
    """exp(mean over images of KL(p(y|x) || p(y))), in float64, over all images at once; higher is better.

    Source: Salimans et al., Improved Techniques for Training GANs (2016), section 4; splits only make its bias larger
    (Barratt & Sharma, A Note on the Inception Score, 2018), so there are none unless asked for.
    """

    reads = ("generated", "logits")
    measures = (MeasureInfo(name="inception_score", heading="IS", kind="both", direction="higher"),)

    def __init__(self, options: InceptionScoreOptions | None = None) -> None:
        self.splits = (options or InceptionScoreOptions()).splits

    def unsupported(self, evidence: Evidence) -> str | None:
        """Two images in every split."""
        return too_few(evidence, at_least=2 * self.splits, output="logits")

    def measure(self, evidence: Evidence) -> Score:
        """Measures "inception_score", between 1 and the number of classes."""
        logits = evidence.features(output="logits")
        assert logits is not None
        n, splits = len(logits), self.splits
        order = torch.arange(n)
        estimand = "E[IS] at this n, over draws of the generated images"
        if splits > 1:
            order = torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(n))
            estimand = f"E[IS] at this n in {splits} splits, over draws of the generated images"
        edges = [i * n // splits for i in range(splits + 1)]
        scores = [inception_score(logits[order[a:b]] if splits > 1 else logits) for a, b in itertools.pairwise(edges)]
        error = math.hypot(*(delta_standard_error(influence) for _, influence in scores)) / splits
        measurement = Measurement(
            value=sum(value for value, _ in scores) / splits,
            standard_error=error,
            standard_error_given_reference=error,
            estimand=estimand,
            n=n,
        )
        return Score({"inception_score": measurement})


def inception_score(logits: Tensor) -> tuple[float, Tensor]:
    """The score of logits [n, classes], and the influence of each image on it, IS (KL_i - mean KL), float64 [n]."""
    log_marginal = torch.full(logits.shape[1:], -torch.inf, dtype=torch.float64)
    for chunk in chunks(logits):
        log_marginal = torch.logaddexp(log_marginal, chunk.log_softmax(1).logsumexp(0))
    log_marginal -= math.log(len(logits))

    def divergence_of(chunk: Tensor) -> Tensor:
        log_p = chunk.log_softmax(1)
        return (log_p.exp() * (log_p - log_marginal)).sum(1)

    divergence = each(logits, divergence_of)
    score = float(divergence.mean().exp())
    return score, score * (divergence - divergence.mean())
