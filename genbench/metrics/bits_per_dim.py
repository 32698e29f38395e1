"""Bits per dimension: the negative log-likelihood of held-out images, per subpixel, in units of log 2."""

from __future__ import annotations

import math

from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.statistics.standard_errors import delta_standard_error


class BitsPerDim(Metric):
    """-log2 p(x) / (C H W), averaged over held-out images x; lower is better.

    Source: Theis et al., A note on the evaluation of generative models (2016), section 3.1. A model that gives a lower
    bound of the log-likelihood gives an upper bound here, which is marked as such.
    """

    reads = ("likelihood",)
    measures = (
        MeasureInfo(name="bits_per_dim", heading="bits/dim", kind="likelihood", direction="lower", unit="bits"),
    )

    def __init__(self, options: object = None) -> None: ...

    def unsupported(self, evidence: Evidence) -> str | None:
        """A model that has a likelihood, and at least two held-out images."""
        likelihood = evidence.likelihood
        if likelihood is None:
            return "the model has no likelihood"
        return None if len(likelihood.nats) > 1 else f"{len(likelihood.nats)} held-out image(s): at least 2 are needed"

    def measure(self, evidence: Evidence) -> Score:
        """Measures "bits_per_dim", of images quantised to the likelihood's own number of levels."""
        likelihood = evidence.likelihood
        assert likelihood is not None
        bits = bits_per_dim(likelihood.nats, math.prod(evidence.spec.shape))
        error = delta_standard_error(bits)
        measurement = Measurement(
            value=float(bits.mean()),
            standard_error=error,
            standard_error_given_reference=error,
            estimand=f"E[bits per dimension] of held-out images at {likelihood.levels} levels, over draws of them",
            n=len(bits),
            protocol={"levels": likelihood.levels, "exact": likelihood.exact},
            marks=() if likelihood.exact else ("bound",),
        )
        return Score({"bits_per_dim": measurement})


def bits_per_dim(nats: Tensor, dimensions: int) -> Tensor:
    """Log-likelihoods in nats [N] of images with so many subpixels as bits per dimension, float64 [N]."""
    return -nats.double() / (dimensions * math.log(2))
