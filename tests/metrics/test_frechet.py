"""The Fréchet distance against closed forms, scipy's matrix square root and torch-fidelity; its standard error."""

import math
import statistics

import numpy as np
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from genbench.metrics import chunks, frechet
from genbench.metrics.frechet import FrechetDistance, fitted, frechet_distance
from genbench.statistics.standard_errors import delta_standard_error


def normal(n, d, seed, scale=1.0, shift=0.0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * scale + shift


def whitened(n, d, seed):
    """A sample whose mean is exactly 0 and whose unbiased covariance is exactly the identity."""
    x = normal(n, d, seed)
    q, _ = torch.linalg.qr(x - x.mean(0))
    return q * math.sqrt(n - 1)


def distance(x, y):
    """The value and its standard error over draws of both sets."""
    value, influence, reference = frechet_distance(x, y)
    return value, delta_standard_error(influence, reference)


def test_diagonal_gaussians_have_a_closed_form():
    a, b = torch.rand(2, 6, dtype=torch.float64) + 0.1
    shift = torch.arange(6.0, dtype=torch.float64)
    value, _ = distance(whitened(50, 6, 0) * a, whitened(70, 6, 1) * b + shift)
    expected = shift.square().sum() + (a - b).square().sum()
    assert value == pytest.approx(float(expected), rel=1e-12)


def test_general_gaussians_agree_with_a_matrix_square_root():
    x, y = normal(300, 20, 0) @ normal(20, 20, 1), normal(200, 20, 2) @ normal(20, 20, 3) + 0.3
    s, r = np.cov(x.numpy().T), np.cov(y.numpy().T)
    root = scipy.linalg.sqrtm(scipy.linalg.sqrtm(s) @ r @ scipy.linalg.sqrtm(s)).real
    expected = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(s + r - 2 * root)
    assert distance(x, y)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d", "tolerance"), [(400, 32, 1e-8), (25, 64, 1e-4)])
def test_agrees_with_torch_fidelity(n, d, tolerance):
    x, y = normal(n, d, 0, 1.2), normal(n + 7, d, 1, shift=0.1)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    assert distance(x, y)[0] == pytest.approx(theirs["frechet_inception_distance"], abs=tolerance)


def test_fewer_images_than_features_agree_with_singular_values():
    x, y = normal(30, 80, 0, 1.3), normal(45, 80, 1)
    a, b = (x - x.mean(0)) / math.sqrt(29), (y - y.mean(0)) / math.sqrt(44)
    expected = (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum()
    expected -= 2 * torch.linalg.svdvals(a @ b.T).sum()
    assert distance(x, y)[0] == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("n", [2, 10, 200])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_set_is_at_distance_zero_from_itself(n, scale):
    x = normal(n, 30, 0, scale)
    assert distance(x, x)[0] <= 1e-8


def test_ill_conditioned_covariances_keep_half_of_their_digits():
    # A covariance squares the spectrum, here to 1e-18 of its largest: what is left of a root are half of the digits.
    spectrum = torch.logspace(0, -9, 24, dtype=torch.float64)
    rotation, _ = torch.linalg.qr(normal(24, 24, 5))
    x, y = whitened(100, 24, 0) * spectrum @ rotation, whitened(90, 24, 1) * spectrum * 2 @ rotation
    assert distance(x, y)[0] == pytest.approx(float(spectrum.square().sum()), rel=1e-7)


@pytest.mark.parametrize("n", [20, 150])
def test_symmetric_and_invariant_to_order_and_rotation(n):
    x, y = normal(n, 40, 0, 1.3), normal(100, 40, 1)
    rotation, _ = torch.linalg.qr(normal(40, 40, 2))
    value, error = distance(x, y)
    for other in ((y, x), (x.flip(0), y), (x @ rotation, y @ rotation)):
        assert distance(*other) == pytest.approx((value, error), rel=1e-9)


@pytest.mark.parametrize("n", [2, 10, 60])
def test_degenerate_features_give_plain_numbers(n):
    constant, varied = torch.ones(n, 20), normal(50, 20, 0).float()
    half_constant = torch.cat([varied[:n, :10], torch.full((len(varied[:n]), 10), 0.1)], 1)
    duplicated = varied[:1].repeat(n, 2)[:, :20]
    for x in (constant, half_constant, duplicated):
        for y in (constant, varied, half_constant):
            assert all(math.isfinite(number) and number >= 0 for number in distance(x, y))
    assert distance(constant, constant + 1) == (20.0, 0.0)


@pytest.mark.parametrize(("n", "d", "scale"), [(150, 6, 1.3), (30, 40, 1.5)])
def test_standard_error_matches_the_spread_of_repeated_draws(n, d, scale):
    results = [distance(normal(n, d, 2 * i, scale, 0.2), normal(n, d, 2 * i + 1)) for i in range(80)]
    values, errors = zip(*results, strict=True)
    assert 0.75 <= statistics.mean(errors) / statistics.stdev(values) <= 1.35


def test_draws_of_the_generated_set_alone_spread_less():
    reference = normal(150, 6, 1000)
    results = [frechet_distance(normal(150, 6, i, 1.3, 0.2), reference) for i in range(80)]
    spread = statistics.stdev(value for value, _, _ in results)
    given = statistics.mean(delta_standard_error(influence) for _, influence, _ in results)
    both = statistics.mean(delta_standard_error(influence, reference) for _, influence, reference in results)
    assert 0.75 <= given / spread <= 1.35
    assert given < both


def test_an_influence_is_the_derivative_towards_a_draw():
    x, y = normal(80, 5, 0, 1.2, 0.3), normal(70, 5, 1)
    value, influence, _ = frechet_distance(x, y)
    weight = 1e-5
    for i in (0, 7):
        # The same sample with one draw weighing more, through the mean and covariance of the weighted sample.
        weights = torch.full((80,), (1 - weight) / 80, dtype=torch.float64)
        weights[i] += weight
        mean = weights @ x
        covariance = (x - mean).T @ ((x - mean) * weights[:, None]) * 80 / 79
        fit = fitted(y)
        moved, _, _ = frechet_distance(y, None, frechet.Gaussian(mean, frechet._root(covariance)))
        derivative = (moved - value) / weight
        assert fit.mean.shape == (5,)
        assert float(influence[i] - influence.mean()) == pytest.approx(derivative, rel=0.02, abs=1e-3)


def test_chunks_do_not_matter(monkeypatch):
    x, y = normal(90, 8, 0, 1.2), normal(70, 8, 1)
    whole = distance(x, y)
    monkeypatch.setattr(chunks, "NUMBERS", 24)  # three rows at a time
    assert distance(x, y) == pytest.approx(whole, rel=1e-10)


def test_measurement(evidence_of):
    metric = FrechetDistance()
    x, y = normal(30, 4, 0).float(), normal(20, 4, 1).float()
    score = metric.measure(evidence_of(metric, x, y))
    measurement = score.measurements["frechet_distance"]
    assert (measurement.value, measurement.standard_error, measurement.n) == (*distance(x, y), 30)
    assert measurement.standard_error_given_reference < measurement.standard_error
    assert score.arrays["influence"].shape == (30,)
    assert metric.unsupported(evidence_of(metric, x, y)) is None
    assert "1 generated image(s): at least 2" in metric.unsupported(evidence_of(metric, x[:1], y))
    assert "1 reference image(s): at least 2" in metric.unsupported(evidence_of(metric, x, y[:1]))
    assert "4 features and the reference 3" in metric.unsupported(evidence_of(metric, x, y[:, :3]))
    assert "no images" in metric.unsupported(evidence_of(metric, x))


def test_statistics_of_the_reference_are_enough(evidence_of):
    metric, x, y = FrechetDistance(), normal(60, 4, 0), normal(50, 4, 1)
    known = (y.mean(0), y.T.cov(), 50)
    evidence = evidence_of(metric, x, statistics=known)
    assert metric.unsupported(evidence) is None
    measurement = metric.measure(evidence).measurements["frechet_distance"]
    from_images = metric.measure(evidence_of(metric, x, y)).measurements["frechet_distance"]
    assert measurement.value == pytest.approx(from_images.value, rel=1e-10)
    assert measurement.standard_error is None
    assert "only the mean and covariance" in measurement.reason
    assert measurement.standard_error_given_reference == pytest.approx(from_images.standard_error_given_reference)
    narrow = (known[0][:3], known[1][:3, :3], 50)
    assert "4 features and the reference 3" in metric.unsupported(evidence_of(metric, x, statistics=narrow))
