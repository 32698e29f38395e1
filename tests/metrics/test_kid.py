"""The kernel distance against a closed form, torch-fidelity and torchmetrics; its standard error."""

import statistics

import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric
from torchmetrics.image.kid import poly_mmd

from genbench.interfaces.measuring import Features
from genbench.metrics import kid
from genbench.metrics.kid import KernelDistance, kernel_distance, own_means
from genbench.metrics.options import KernelDistanceOptions


def normal(n, d, seed, scale=1.0, shift=0.0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * scale + shift


def distance(x, y):
    return kernel_distance(x, y, own_means(y))


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


def test_constant_features_are_at_distance_zero():
    x = Features(torch.ones(2, 3))
    measurement = KernelDistance(KernelDistanceOptions()).compute(x, x)["kid"]
    assert (measurement.value, measurement.standard_error, measurement.n) == (0.0, 0.0, 2)


def test_the_reference_limit_is_the_first_images_and_is_named():
    x, y = Features(normal(30, 4, 0, 1.2)), Features(normal(50, 4, 1))
    limited = KernelDistance(KernelDistanceOptions(reference_limit=20)).compute(x, y)["kid"]
    assert (limited.value, limited.standard_error) == distance(x.features, y.features[:20])
    assert "20 in the reference" in limited.estimand
    unlimited = KernelDistance(KernelDistanceOptions(reference_limit=0)).compute(x, y)["kid"]
    assert (unlimited.value, unlimited.standard_error) == distance(x.features, y.features)
    for limit in (1, -1):
        with pytest.raises(ValueError, match=f"at least 2, or 0 to use every reference image, not {limit}"):
            KernelDistance(KernelDistanceOptions(reference_limit=limit))
