"""What metrics remember of a reference never changes an answer, and is not computed twice."""

import itertools

import pytest
import torch

from genbench.metrics import frechet, kid, prdc
from genbench.metrics.frechet import FrechetDistance
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import KernelDistanceOptions, PRDCOptions
from genbench.metrics.prdc import PRDC
from genbench.metrics.reference import ReferencePart

MAKES = {
    "frechet_distance": FrechetDistance,
    "kid": lambda: KernelDistance(KernelDistanceOptions(40)),
    "prdc": lambda: PRDC(PRDCOptions(3, 40)),
}
PARTS = {"frechet_distance": (frechet, "fitted"), "kid": (kid, "own_means"), "prdc": (prdc, "balls_around")}
"""What each metric computes of its reference, and of nothing else but perhaps the generated set."""


def drawn(n, seed, scale=1.0):
    # Few levels: distances tie, which is where a reference's part would show that it depends on the other set.
    values = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))
    return (values * scale * 4).round() / 4


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_one_object_answers_as_a_fresh_one_does_in_any_order(evidence_of, make):
    reference, sets = drawn(60, 0), [drawn(30, 1), drawn(45, 2, 1e3), drawn(20, 3, 0.5)]

    def measured(metric, images):
        return metric.measure(evidence_of(metric, images, reference)).measurements

    fresh = [measured(make(), images) for images in sets]
    for order in itertools.permutations(range(3)):
        metric = make()
        for i in order:
            assert measured(metric, sets[i]) == fresh[i]


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_another_reference_is_not_answered_from_memory(evidence_of, make):
    metric, images, references = make(), drawn(30, 0), [drawn(60, 1), drawn(60, 2, 1.5)]

    def measured(metric, reference):
        return metric.measure(evidence_of(metric, images, reference)).measurements

    fresh = [measured(make(), reference) for reference in references]
    assert fresh[0] != fresh[1]
    for i in (0, 1, 0):
        assert measured(metric, references[i]) == fresh[i]


@pytest.mark.parametrize("name", MAKES)
def test_the_references_part_is_computed_once_for_all_sets(evidence_of, monkeypatch, name):
    module, function = PARTS[name]
    sizes, compute = [], getattr(module, function)
    monkeypatch.setattr(module, function, lambda rows, *rest: sizes.append(len(rows)) or compute(rows, *rest))
    metric, reference = MAKES[name](), drawn(40, 0)
    for seed in (1, 2, 3):
        metric.measure(evidence_of(metric, drawn(30, seed), reference))
    assert sizes.count(40) == 1


def test_a_part_is_made_once_for_a_reference_and_known_by_identity():
    given = []
    part = ReferencePart(lambda features: given.append(features) or len(given))
    reference = drawn(6, 0)
    assert [part(reference), part(reference)] == [1, 1]
    assert given[0] is reference
    assert part(reference.clone()) == 2
    # A reference that nobody else holds must not hand its address, and with it its answer, to the next one.
    assert [part(drawn(6, seed)) for seed in range(3)] == [3, 4, 5]
