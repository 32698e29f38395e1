"""The Inception Score against closed forms and torch-fidelity; its standard error."""

import math
import statistics

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from genbench.metrics import chunks
from genbench.metrics.inception_score import InceptionScore, inception_score
from genbench.metrics.options import InceptionScoreOptions


def logits(n, classes, seed, scale=2.0):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed)) * scale


@pytest.fixture
def score(evidence_of):
    def measure(values, splits=1):
        metric = InceptionScore(InceptionScoreOptions(splits))
        return metric.measure(evidence_of(metric, logits=values)).measurements["inception_score"]

    return measure


def test_certain_and_evenly_spread_answers_score_the_number_of_classes(score):
    assert score(torch.eye(7).repeat(3, 1) * 1e4).value == pytest.approx(7, rel=1e-12)


@pytest.mark.parametrize("values", [torch.zeros(20, 5), torch.eye(5)[:1].repeat(20, 1) * 1e4])
def test_equal_answers_score_one(score, values):
    measurement = score(values)
    assert (measurement.value, measurement.standard_error) == pytest.approx((1, 0), abs=1e-12)


def test_half_certain_answers_have_a_closed_form(score):
    values = torch.tensor([[math.log(3.0), 0.0], [0.0, math.log(3.0)]], dtype=torch.float64).repeat(5, 1)
    assert score(values).value == pytest.approx(math.exp(0.75 * math.log(1.5) + 0.25 * math.log(0.5)), rel=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(97, 1), (97, 10), (200, 4)])
def test_agrees_with_torch_fidelity(score, n, splits):
    values = logits(n, 12, 0)
    theirs = isc_features_to_metric(values, splits=splits)["inception_score_mean"]
    assert score(values, splits).value == pytest.approx(theirs, rel=1e-12)


def test_order_does_not_matter(score):
    values = logits(60, 8, 0)
    assert score(values.flip(0)).value == pytest.approx(score(values).value, rel=1e-12)


@pytest.mark.parametrize("splits", [1, 4])
def test_standard_error_matches_the_spread_of_repeated_draws(score, splits):
    results = [score(logits(120, 8, seed), splits) for seed in range(80)]
    ratio = statistics.mean(r.standard_error for r in results) / statistics.stdev(r.value for r in results)
    assert 0.75 <= ratio <= 1.35


def test_chunks_do_not_matter(monkeypatch):
    values = logits(61, 8, 0)
    whole, influence = inception_score(values)
    monkeypatch.setattr(chunks, "NUMBERS", 24)  # three rows at a time
    again, other = inception_score(values)
    assert again == pytest.approx(whole, rel=1e-12)
    torch.testing.assert_close(other, influence, rtol=1e-10, atol=1e-12)


def test_the_reference_is_not_looked_at_so_both_errors_are_one(score):
    measurement = score(logits(50, 4, 0))
    assert measurement.standard_error == measurement.standard_error_given_reference > 0


def test_says_what_it_needs(evidence_of):
    metric, values = InceptionScore(InceptionScoreOptions(splits=2)), logits(4, 3, 0)
    assert "no logits" in metric.unsupported(evidence_of(metric))
    assert "at least 4" in metric.unsupported(evidence_of(metric, logits=values[:3]))
    assert metric.unsupported(evidence_of(metric, logits=values)) is None
    with pytest.raises(ValueError, match="at least 1, not 0"):
        InceptionScoreOptions(splits=0)
