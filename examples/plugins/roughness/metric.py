"""Roughness: what blurred images have too little of, and noisy ones too much."""

import math

import torch

from genbench import MeasureInfo, Measurement, Metric, Score

BATCH = 256


class Roughness(Metric):
    """How far the mean difference between neighbouring pixels is from that of the reference, in grey levels."""

    reads = ("generated", "reference")
    measures = (MeasureInfo(name="roughness", heading="roughness", kind="fidelity", direction="lower", unit="levels"),)

    def __init__(self, options):
        pass  # it has none

    def measure(self, evidence):
        x, y = roughness(evidence.generated), roughness(evidence.reference)
        given_reference, of_reference = (float(sample.std()) / math.sqrt(len(sample)) for sample in (x, y))
        measurement = Measurement(
            value=abs(float(x.mean() - y.mean())),
            standard_error=math.hypot(given_reference, of_reference),
            standard_error_given_reference=given_reference,
            estimand="|E[roughness] of generated images - that of the reference's law|, over draws of both sets",
            n=len(x),
        )
        return Score({"roughness": measurement}, {"roughness": x.numpy()})


def roughness(images):
    """Of each image, the mean absolute difference between horizontal neighbours, float64 [N]; a batch at a time."""
    return torch.cat([batch.double().diff(dim=3).abs().mean((1, 2, 3)) for batch in images.batches(BATCH)])
