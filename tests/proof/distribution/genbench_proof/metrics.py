"""The metrics that the tasks bring: each compares an image with its own request."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench import Evidence, MeasureInfo, Measurement, Metric, Score
from genbench_proof.tiles import SHADES

PART = 64
"""Images in memory at a time."""


def _mean(values: NDArray[np.float64], name: str, estimand: str) -> Score:
    """The mean of one value an image, and the values."""
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    measurement = Measurement(
        value=float(values.mean()),
        standard_error=error,
        standard_error_given_reference=error,
        estimand=estimand,
        n=len(values),
    )
    return Score({name: measurement}, {name: values.astype(np.float32)})


class HiddenError(Metric):
    """The mean squared error of hidden pixels, in squared grey levels: 0 for the right image."""

    reads = ("generated", "pairs", "requests")
    measures = (MeasureInfo(name="hidden_error", heading="hidden MSE", kind="fidelity", direction="lower"),)

    def __init__(self, options: object = None) -> None:
        pass

    def unsupported(self, evidence: Evidence) -> str | None:
        if evidence.pairs is None or "hidden" not in (evidence.requests or {}):
            return "it needs the right answers and the holes of an inpainting task"
        return None

    def measure(self, evidence: Evidence) -> Score:
        images, pairs, requests = evidence.generated, evidence.pairs, evidence.requests
        assert pairs is not None
        assert requests is not None
        hidden = torch.as_tensor(requests["hidden"])
        errors: list[Tensor] = []
        for start in range(0, len(images), PART):
            stop = min(start + PART, len(images))
            difference = images.read(start, stop).double() - pairs.read(start, stop).double()
            mask = hidden[start:stop].expand_as(difference)
            errors.append((difference.square() * mask).flatten(1).sum(1) / mask.flatten(1).sum(1))
        return _mean(torch.cat(errors).numpy(), "hidden_error", "E[squared error of a hidden pixel], over requests")


class Agreement(Metric):
    """The share of images whose brightness is nearest to that of the word in their caption."""

    reads = ("generated", "requests")
    measures = (MeasureInfo(name="agreement", heading="agreement", kind="alignment", direction="higher"),)

    def __init__(self, options: object = None) -> None:
        pass

    def unsupported(self, evidence: Evidence) -> str | None:
        return None if "caption" in (evidence.requests or {}) else "it needs the captions that were asked for"

    def measure(self, evidence: Evidence) -> Score:
        assert evidence.requests is not None
        levels = torch.tensor(list(SHADES.values()))
        agree = []
        for caption, image in zip(evidence.requests["caption"], evidence.generated.batches(1), strict=True):
            nearest = (levels - image.double().mean()).abs().argmin()
            agree.append(list(SHADES)[int(nearest)] in str(caption).split())
        return _mean(np.array(agree, np.float64), "agreement", "P(image as bright as its caption says), over requests")
