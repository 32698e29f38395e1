"""The kernel distance against a closed form, torch-fidelity and torchmetrics; its standard error."""

import statistics

import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric
from torchmetrics.image.kid import poly_mmd

from genbench.metrics import kid
from genbench.metrics.kid import KernelDistance, kernel_distance, own_means
from genbench.metrics.options import KernelDistanceOptions
from genbench.statistics.standard_errors import delta_standard_error


def normal(n, d, seed, scale=1.0, shift=0.0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * scale + shift


def distance(x, y):
    """The value and its standard error over draws of both sets."""
    value, influence, reference = kernel_distance(x, y)
    return value, delta_standard_error(influence, reference)


def measure(evidence_of, x, y, **options):
    metric = KernelDistance(KernelDistanceOptions(**options))
    return metric.measure(evidence_of(metric, x, y))


def test_two_points_a_side_by_hand():
    x, y = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[0.0], [-1.0]]).double()
    assert distance(x, y)[0] == 27 + 1 - 2 * (1 + 0 + 1 - 1) / 4


def test_agrees_with_torch_fidelity_and_torchmetrics():
    x, y = normal(90, 16, 0, 1.2), normal(90, 16, 1)
    settings = {"kid_subsets": 1, "kid_subset_size": 90, "rng_seed": 0, "verbose": False, "kid_kernel": "poly"}
    theirs = kid_features_to_metric(
        x, y, **settings, kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1
    )
    assert distance(x, y)[0] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-10)
    assert distance(x, y)[0] == pytest.approx(float(poly_mmd(x, y)), rel=1e-10)


def test_blocks_order_and_sides_do_not_matter(monkeypatch):
    x, y = normal(53, 8, 0, 1.2), normal(31, 8, 1)
    whole = distance(x, y)
    monkeypatch.setattr(kid, "BLOCK", 7)
    assert distance(x, y) == pytest.approx(whole, rel=1e-10)
    assert distance(x.flip(0), y) == pytest.approx(whole, rel=1e-10)
    assert distance(y, x) == pytest.approx(whole, rel=1e-10)


def test_unbiased_between_equal_populations():
    values = [distance(normal(30, 4, 2 * seed), normal(40, 4, 2 * seed + 1))[0] for seed in range(200)]
    assert abs(statistics.mean(values)) < 3 * statistics.stdev(values) / 200**0.5
    assert min(values) < 0


def test_standard_error_matches_the_spread_of_repeated_draws():
    results = [distance(normal(150, 6, 2 * i, 1.3, 0.2), normal(120, 6, 2 * i + 1)) for i in range(80)]
    values, errors = zip(*results, strict=True)
    assert 0.75 <= statistics.mean(errors) / statistics.stdev(values) <= 1.35


def test_standard_error_is_conservative_between_equal_populations():
    results = [distance(normal(100, 6, 2 * i), normal(100, 6, 2 * i + 1)) for i in range(80)]
    values, errors = zip(*results, strict=True)
    assert 1 <= statistics.mean(errors) / statistics.stdev(values) <= 1.8


def test_draws_of_the_generated_set_alone_spread_less():
    reference = normal(120, 6, 1000)
    results = [kernel_distance(normal(150, 6, i, 1.3, 0.2), reference) for i in range(80)]
    spread = statistics.stdev(value for value, _, _ in results)
    given = statistics.mean(delta_standard_error(influence) for _, influence, _ in results)
    assert 0.75 <= given / spread <= 1.35
    assert given < statistics.mean(delta_standard_error(influence, other) for _, influence, other in results)


def test_what_is_known_of_the_second_set_may_be_given():
    x, y = normal(30, 4, 0, 1.2), normal(40, 4, 1)
    fresh, known = kernel_distance(x, y), kernel_distance(x, y, own_means(y))
    assert fresh[0] == known[0]
    assert all(torch.equal(one, other) for one, other in zip(fresh[1:], known[1:], strict=True))


def test_constant_features_are_at_distance_zero(evidence_of):
    x = torch.ones(2, 3)
    measurement = measure(evidence_of, x, x).measurements["kid"]
    assert (measurement.value, measurement.standard_error, measurement.n) == (0.0, 0.0, 2)


def test_measurement(evidence_of):
    x, y = normal(30, 4, 0, 1.2).float(), normal(50, 4, 1).float()
    score = measure(evidence_of, x, y)
    measurement = score.measurements["kid"]
    assert (measurement.value, measurement.standard_error) == distance(x, y)
    assert measurement.standard_error_given_reference < measurement.standard_error
    assert score.arrays["influence"].shape == (30,)
    metric = KernelDistance()
    assert metric.unsupported(evidence_of(metric, x, y)) is None
    assert "no images" in metric.unsupported(evidence_of(metric, x, statistics=(y.mean(0), y.T.cov(), 50)))


def test_the_reference_limit_is_the_first_images_and_is_named(evidence_of):
    x, y = normal(30, 4, 0, 1.2), normal(50, 4, 1)
    limited = measure(evidence_of, x, y, reference_limit=20).measurements["kid"]
    assert (limited.value, limited.standard_error) == distance(x, y[:20])
    assert "20 in the reference" in limited.estimand
    unlimited = measure(evidence_of, x, y, reference_limit=0).measurements["kid"]
    assert (unlimited.value, unlimited.standard_error) == distance(x, y)
    for limit in (1, -1):
        with pytest.raises(ValueError, match=f"at least 2, or 0 to use every reference image, not {limit}"):
            KernelDistanceOptions(reference_limit=limit)
