"""Precision, recall, density and coverage against brute force, hand-made sets and torch-fidelity; standard errors."""

import math
import statistics

import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from genbench.metrics import prdc
from genbench.metrics.options import PRDCOptions
from genbench.metrics.prdc import PRDC, balls_around, count

NAMES = ("precision", "recall", "density", "coverage")


def normal(n, d, seed, scale=1.0, shift=0.0):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * scale + shift


@pytest.fixture
def measure(evidence_of):
    def measured(generated, reference, k=5, **options):
        metric = PRDC(PRDCOptions(k, **options))
        return metric.measure(evidence_of(metric, generated, reference)).measurements

    return measured


@pytest.fixture
def values(measure):
    def of(generated, reference, k=5):
        return {name: measurement.value for name, measurement in measure(generated, reference, k).items()}

    return of


def brute_force(generated, reference, k):
    """The definitions of Naeem et al. (2020), image by image, strict as in the prdc package."""

    def distance(a, b):
        return float((a - b).norm())

    def radii(points):
        return [sorted(distance(p, q) for q in points)[k] for p in points]

    real, fake = radii(reference), radii(generated)
    inside = [[distance(r, g) < real[i] for i, r in enumerate(reference)] for g in generated]
    recalled = [any(distance(r, g) < fake[j] for j, g in enumerate(generated)) for r in reference]
    return {
        "precision": statistics.mean(any(row) for row in inside),
        "recall": statistics.mean(recalled),
        "density": statistics.mean(sum(row) / k for row in inside),
        "coverage": statistics.mean(any(column) for column in zip(*inside, strict=True)),
    }


@pytest.mark.parametrize(("k", "scale"), [(1, 1.0), (3, 0.7), (5, 1.3)])
def test_agrees_with_the_definitions(values, k, scale):
    generated, reference = normal(41, 5, 0, scale, 0.3), normal(37, 5, 1)
    assert values(generated, reference, k) == pytest.approx(brute_force(generated, reference, k), rel=1e-12)


def test_agrees_with_torch_fidelity(values):
    generated, reference = normal(150, 6, 0, 0.8), normal(140, 6, 1)
    theirs = prc_features_to_metric(generated, reference, prc_neighborhood=3, prc_batch_size=50, verbose=False)
    ours = values(generated, reference, k=3)
    assert ours["precision"] == pytest.approx(theirs["precision"], abs=1e-7)
    assert ours["recall"] == pytest.approx(theirs["recall"], abs=1e-7)


def test_mode_collapse_is_precise_and_forgets_and_the_reverse(values):
    reference = torch.cat([normal(60, 4, 0), normal(60, 4, 1, shift=50.0)])
    collapsed = normal(60, 4, 2)
    forgetful, scattered = values(collapsed, reference), values(reference, collapsed)
    assert forgetful["precision"] > 0.85
    assert forgetful["recall"] < 0.55
    assert forgetful["coverage"] < 0.55
    assert scattered["recall"] > 0.85
    assert scattered["precision"] < 0.55


def test_a_single_repeated_image_has_no_recall(values):
    reference = normal(40, 4, 0)
    repeated = values(reference.mean(0).repeat(30, 1), reference)
    assert repeated["precision"] == 1
    assert repeated["recall"] == 0


def test_sets_against_themselves_and_far_apart(measure):
    x = normal(50, 4, 0)
    same, apart = measure(x, x), measure(x, x + 100)
    assert all(same[name].value == 1 for name in ("precision", "recall", "coverage"))
    assert same["density"].value == pytest.approx(1)
    assert all(apart[name].value == 0 for name in NAMES)
    assert same["precision"].standard_error > 0


def test_order_blocks_and_offset_do_not_matter(measure, monkeypatch):
    # Eight levels a pixel: distances tie all the time, and an offset takes digits away from them.
    generated, reference = ((normal(80, 6, seed) * 2).round() / 8 for seed in (0, 1))
    whole = measure(generated, reference)
    monkeypatch.setattr(prdc, "BLOCK", 7)
    monkeypatch.setattr(prdc, "DISTANCES", 7 * len(generated))
    flipped, shifted = (generated.flip(0), reference.flip(0)), (generated + 1e3, reference + 1e3)
    rounded = 0.3 * generated, 0.3 * reference  # no longer exact in binary: ties are no longer equal to the last bit
    for x, y in ((generated, reference), flipped, shifted, rounded):
        again = measure(x, y)
        assert {n: again[n].value for n in NAMES} == pytest.approx({n: whole[n].value for n in NAMES}, abs=1e-12)
    blocks, exact = measure(generated, reference), brute_force(generated, reference, 5)
    assert {n: blocks[n].value for n in NAMES} == pytest.approx(exact, abs=1e-12)


def test_leaving_an_image_out_is_what_it_says():
    generated, reference = normal(40, 3, 0, 1.5, 0.5), normal(60, 3, 1)
    balls = balls_around(reference, 3)
    counts = count(generated, balls, 3)
    for left_out in range(len(generated)):
        rest = count(torch.cat([generated[:left_out], generated[left_out + 1 :]]), balls, 3)
        assert rest.covered == counts.covered + counts.covered_without[left_out]
        assert rest.recalled == counts.recalled + counts.recalled_without[left_out]


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.8), (1.3, 0.0)])
def test_standard_errors_match_the_spread_of_repeated_draws(measure, scale, shift):
    reference = normal(150, 4, 1000)
    results = [measure(normal(150, 4, seed, scale, shift), reference) for seed in range(80)]
    for name in NAMES:
        errors, draws = ([getattr(r[name], what) for r in results] for what in ("standard_error", "value"))
        # Recall's jackknife is known to be too wide (docs/metrics.md), never too narrow.
        assert 0.75 <= statistics.mean(errors) / statistics.stdev(draws) <= (1.6 if name == "recall" else 1.35), name


def test_degenerate_features_give_plain_numbers(values, measure):
    constant, varied = torch.full((12, 4), 0.1), normal(12, 4, 0).float()
    twice = varied[:6].repeat(2, 1)
    for x in (constant, varied, twice, varied[:6]):
        for y in (constant, varied, twice):
            for measurement in measure(x, y).values():
                assert math.isfinite(measurement.value)
                assert math.isfinite(measurement.standard_error)


def test_says_what_it_needs(evidence_of):
    metric, x = PRDC(PRDCOptions(k=3)), normal(10, 2, 0)
    assert metric.unsupported(evidence_of(metric, x[:4], x)) is None
    assert "3 generated image(s): at least 4" in metric.unsupported(evidence_of(metric, x[:3], x))
    assert "3 reference image(s): at least 4" in metric.unsupported(evidence_of(metric, x, x[:3]))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        PRDCOptions(k=0)


def test_the_reference_limit_is_the_first_images_and_is_named(measure, values):
    generated, reference = normal(30, 4, 0), normal(50, 4, 1)
    limited = measure(generated, reference, 3, reference_limit=20)
    assert {name: m.value for name, m in limited.items()} == values(generated, reference[:20], 3)
    assert all(m.estimand.endswith("given the reference of 20") for m in limited.values())
    assert all(m.standard_error == m.standard_error_given_reference for m in limited.values())
    assert measure(generated, reference, 3, reference_limit=0) == measure(generated, reference, 3)
    with pytest.raises(ValueError, match="at least 4, or 0 to use every reference image, not 3"):
        PRDCOptions(3, reference_limit=3)


@pytest.mark.parametrize("block", [3, 7, 512])
def test_neighbours_agree_with_a_full_distance_matrix(monkeypatch, block):
    monkeypatch.setattr(prdc, "BLOCK", block)
    points = normal(40, 5, 0)
    full = torch.cdist(points, points).fill_diagonal_(torch.inf).sort(1)
    nearest, distances = prdc._neighbours(points, points.mean(0), 4)
    assert torch.equal(nearest, full.indices[:, :5])
    assert torch.allclose(distances, full.values[:, :5].square(), rtol=1e-10)
