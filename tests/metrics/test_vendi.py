"""The Vendi score against closed forms and the entropy of the full kernel; its standard error."""

import math
import statistics

import pytest
import torch

from genbench.metrics import chunks
from genbench.metrics.vendi import VendiScore, vendi_score
from genbench.statistics.standard_errors import delta_standard_error


def normal(n, d, seed, scale=1.0, shift=0.0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * scale + shift


def score(x):
    """The value and its standard error."""
    value, influence = vendi_score(x)
    return value, delta_standard_error(influence)


@pytest.mark.parametrize("d", [6, 200])
def test_groups_of_duplicates_count_once(d):
    x = torch.eye(d, dtype=torch.float64)[:6].repeat(10, 1)
    assert score(x)[0] == pytest.approx(6, rel=1e-10)


@pytest.mark.parametrize(("n", "d"), [(40, 12), (40, 40), (30, 100)])
def test_is_the_entropy_of_the_kernel(n, d):
    x = normal(n, d, 0, shift=0.2)
    unit = x / x.norm(dim=1, keepdim=True)
    eigenvalues = torch.linalg.svdvals(unit / math.sqrt(n)).square()
    expected = math.exp(-float((eigenvalues * eigenvalues.log()).sum()))
    assert score(x)[0] == pytest.approx(expected, rel=1e-10)


def test_order_length_and_rotation_do_not_matter():
    x = normal(50, 10, 0)
    rotation, _ = torch.linalg.qr(normal(10, 10, 1))
    for other in (x.flip(0), x @ rotation, x * torch.arange(1.0, 51.0)[:, None]):
        assert score(other) == pytest.approx(score(x), rel=1e-9)


@pytest.mark.parametrize(("n", "d", "shift"), [(150, 6, 0.5), (60, 64, 0.3)])
def test_standard_error_matches_the_spread_of_repeated_draws(n, d, shift):
    results = [score(normal(n, d, seed, shift=shift)) for seed in range(80)]
    values, errors = zip(*results, strict=True)
    assert 0.75 <= statistics.mean(errors) / statistics.stdev(values) <= 1.35


def test_degenerate_features_give_plain_numbers():
    assert score(torch.full((9, 4), 0.1).double()) == pytest.approx((1, 0), abs=1e-12)
    assert score(torch.zeros(9, 4).double()) == pytest.approx((1, 0), abs=1e-12)
    black_and_one_other = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]).double()
    assert score(black_and_one_other)[0] == pytest.approx(2)


@pytest.mark.parametrize("d", [6, 80])
def test_chunks_do_not_matter(monkeypatch, d):
    x = normal(50, d, 0, shift=0.3)
    x[3] = 0
    whole = score(x)
    monkeypatch.setattr(chunks, "NUMBERS", 18)
    assert score(x) == pytest.approx(whole, rel=1e-10)


def test_looks_at_the_generated_images_only(evidence_of):
    metric, x = VendiScore(), normal(30, 4, 0)
    measurement = metric.measure(evidence_of(metric, x)).measurements["vendi_score"]
    assert (measurement.value, measurement.standard_error) == score(x)
    assert measurement.standard_error == measurement.standard_error_given_reference
    assert "reference" not in metric.reads
    assert "at least 2" in metric.unsupported(evidence_of(metric, x[:1]))
    assert not metric.measures[0].ranks
