"""Bits per dimension of likelihoods that are known."""

import math
import statistics

import pytest
import torch

from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import LogProb
from genbench.metrics.bits_per_dim import BitsPerDim, bits_per_dim

SPEC = DataSpec(3, 8, 12)
DIMENSIONS = 3 * 8 * 12


def uniform(count, levels):
    """What a model says that gives every level the same probability."""
    return torch.full((count,), -DIMENSIONS * math.log(levels), dtype=torch.float64)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_uniform_model_needs_log2_of_the_levels(levels):
    assert bits_per_dim(uniform(4, levels), DIMENSIONS).tolist() == pytest.approx([math.log2(levels)] * 4)


def test_measurement(evidence_of):
    metric, nats = BitsPerDim(), uniform(5, 256) + torch.arange(5.0).double() * 10
    measurement = metric.measure(evidence_of(metric, likelihood=LogProb(nats, 256, True), spec=SPEC)).measurements[
        "bits_per_dim"
    ]
    bits = [-float(value) / DIMENSIONS / math.log(2) for value in nats]
    assert measurement.value == pytest.approx(statistics.mean(bits))
    assert measurement.standard_error == pytest.approx(statistics.stdev(bits) / math.sqrt(5))
    assert (measurement.n, measurement.marks) == (5, ())
    assert measurement.protocol == {"levels": 256, "exact": True}


def test_a_bound_is_marked_as_one(evidence_of):
    metric = BitsPerDim()
    evidence = evidence_of(metric, likelihood=LogProb(uniform(3, 17), 17, False), spec=SPEC)
    assert metric.measure(evidence).measurements["bits_per_dim"].marks == ("bound",)


def test_says_what_it_needs(evidence_of):
    metric = BitsPerDim()
    assert "no likelihood" in metric.unsupported(evidence_of(metric))
    assert "at least 2" in metric.unsupported(evidence_of(metric, likelihood=LogProb(uniform(1, 2), 2, True)))
