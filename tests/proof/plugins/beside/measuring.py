"""The mean of each row of pixels as features; the mean brightness as a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench import Evidence, FeatureExtractor, MeasureInfo, Measurement, Metric, Score


class Rows(FeatureExtractor):
    """float32 [N, C H]."""

    name = "rows"

    def __init__(self, options: Any) -> None:
        pass

    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"features": images.float().mean(3).flatten(1)}


class Brightness(Metric):
    """The mean byte."""

    reads = ("generated",)
    measures = (MeasureInfo(name="brightness", heading="brightness", kind="fidelity", ranks=False),)

    def __init__(self, options: Any) -> None:
        pass

    def measure(self, evidence: Evidence) -> Score:
        means = torch.cat([batch.double().mean((1, 2, 3)) for batch in evidence.generated.batches(100)])
        error = float(means.std()) / len(means) ** 0.5
        number = Measurement(value=float(means.mean()), standard_error=error, estimand="E[byte]", n=len(means))
        return Score({"brightness": number})
