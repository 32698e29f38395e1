"""What metrics remember of a reference never changes an answer, and is not computed twice."""

import itertools

import pytest
import torch

from genbench.interfaces.measuring import Features
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import KernelDistanceOptions, PRDCOptions
from genbench.metrics.prdc import PRDC
from genbench.metrics.reference import ReferencePart

MAKES = {"kid": lambda: KernelDistance(KernelDistanceOptions(40)), "prdc": lambda: PRDC(PRDCOptions(3, 40))}


def drawn(n, seed, scale=1.0):
    # Few levels: distances tie, which is where a reference's part would show that it depends on the other set.
    values = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))
    return Features((values * scale * 4).round() / 4)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_one_object_answers_as_a_fresh_one_does_in_any_order(make):
    reference, sets = drawn(60, 0), [drawn(30, 1), drawn(45, 2, 1e3), drawn(20, 3, 0.5)]
    fresh = [make().compute(images, reference) for images in sets]
    for order in itertools.permutations(range(3)):
        metric = make()
        for i in order:
            assert metric.compute(sets[i], reference) == fresh[i]


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_another_reference_is_not_answered_from_memory(make):
    metric, images, references = make(), drawn(30, 0), [drawn(60, 1), drawn(60, 2, 1.5)]
    fresh = [make().compute(images, reference) for reference in references]
    assert fresh[0] != fresh[1]
    for i in (0, 1, 0):
        assert metric.compute(images, references[i]) == fresh[i]


def test_a_part_is_made_once_for_a_reference_and_known_by_identity():
    made = []
    part = ReferencePart(4, lambda features: made.append(features) or len(made))
    reference = drawn(6, 0)
    assert [part(reference), part(reference)] == [1, 1]
    assert torch.equal(made[0], reference.features[:4].double())
    assert part(Features(reference.features)) == 2
    # A reference that nobody else holds must not hand its address, and with it its answer, to the next one.
    assert [part(drawn(6, seed)) for seed in range(3)] == [3, 4, 5]


def test_no_limit_takes_every_image():
    assert ReferencePart(0, len)(drawn(6, 0)) == 6
