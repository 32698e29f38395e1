"""The Inception Score: how confident and how varied a classifier's answers are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import Features, Metric
from genbench.metrics.checks import problem
from genbench.metrics.options import InceptionScoreOptions
from genbench.statistics.standard_errors import delta_standard_error

SHUFFLE_SEED = 2020  # torch-fidelity's


class InceptionScore(Metric):
    """exp(mean over images of KL(p(y|x) || p(y))), in float64, over all images at once; higher is better.

    Source: Salimans et al., Improved Techniques for Training GANs (2016), section 4; splits only make its bias larger
    (Barratt & Sharma, A Note on the Inception Score, 2018), so there are none unless asked for.
    """

    def __init__(self, options: InceptionScoreOptions) -> None:
        self.splits = options.splits

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """Logits of the generated images, finite, and two images in every split. The reference is not looked at."""
        if generated.logits is None:
            return "this feature extractor gives no class logits: choose one that classifies"
        if not generated.logits.isfinite().all():
            return "the logits of the generated images hold NaN or infinity"
        return problem(generated, generated, at_least=2 * self.splits)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "inception_score", between 1 and the number of classes."""
        assert generated.logits is not None
        logits = generated.logits.double()
        n = len(logits)
        estimand = "E[IS] at this n, over draws of the generated images"
        if self.splits > 1:
            logits = logits[torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(n))]
            estimand = f"E[IS] at this n in {self.splits} splits, over draws of the generated images"
        edges = [i * n // self.splits for i in range(self.splits + 1)]
        scores = [inception_score(logits[a:b]) for a, b in itertools.pairwise(edges)]
        value = sum(value for value, _ in scores) / self.splits
        standard_error = math.hypot(*(error for _, error in scores)) / self.splits
        return {"inception_score": Measurement(value, standard_error, estimand, n, Direction.HIGHER)}


def inception_score(logits: Tensor) -> tuple[float, float]:
    """The score of float64 logits [n, classes], and its standard error; an image's influence is IS (KL_i - mean)."""
    log_p = logits.log_softmax(1)
    log_marginal = log_p.logsumexp(0) - math.log(len(log_p))
    divergence = (log_p.exp() * (log_p - log_marginal)).sum(1)
    score = float(divergence.mean().exp())
    return score, score * delta_standard_error(divergence)
