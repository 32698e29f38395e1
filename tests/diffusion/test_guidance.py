"""Guidance: which predictions it reads where, how it combines them, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from genbench.diffusion.guidance import ClassifierFree, NoGuidance, unsupported
from genbench.diffusion.tables import DATA, Level

SOURCE = Level(0.6, 0.8, 0.5)


def combine(guidance, **predictions):
    tensors = {name: torch.tensor([value], dtype=torch.float64) for name, value in predictions.items()}
    return float(guidance.combine(tensors, SOURCE, DATA, 0.0, None))


def test_what_is_read_depends_on_the_level():
    both = ("conditional", "unconditional")
    assert NoGuidance().reads(0) == ("conditional",)
    assert ClassifierFree().reads(-100) == both
    assert ClassifierFree(scale=1).reads(0) == ("conditional",)
    guidance = ClassifierFree(scale=3, log_snr_min=-2, log_snr_max=2)
    assert [len(guidance.reads(snr)) for snr in (-2.1, -2, 0, 2, 2.1)] == [1, 2, 2, 2, 1]
    assert [len(ClassifierFree(3).reads(snr)) for snr in (-math.inf, math.inf)] == [2, 2]


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.5, 7.0])
def test_classifier_free_extrapolates_from_the_unconditional_prediction(scale):
    guided = combine(ClassifierFree(scale), conditional=0.5, unconditional=0.2)
    assert guided == pytest.approx(0.2 + scale * 0.3, rel=1e-14)


def test_no_guidance_is_the_conditional_prediction():
    assert combine(NoGuidance(), conditional=0.5, unconditional=0.2) == 0.5


def test_predictions_that_are_not_offered_are_named():
    assert unsupported(("conditional",), ("conditional",)) is None
    reason = unsupported(("conditional", "unconditional", "weak"), ("conditional",))
    assert "reads the unconditional and the weak prediction" in (reason or "")
    assert "offers conditional only" in (reason or "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": -1}, "number >= 0"),
        ({"scale": float("nan")}, "number >= 0"),
        ({"log_snr_min": 1, "log_snr_max": 1}, "nothing would be guided"),
    ],
)
def test_wrong_guidance_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        ClassifierFree(**options)
