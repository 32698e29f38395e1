"""Samplers are immutable values that refuse wrong options in words."""

from __future__ import annotations

import dataclasses

import pytest

from genbench.autoregressive.samplers import Raster
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.drawing.one_shot import OneShot


@pytest.mark.parametrize(
    ("make", "words"),
    [
        *((lambda cls=cls: cls(steps=0), "steps >= 1, not 0") for cls in (DDIM, Ancestral, Euler, Heun)),
        (lambda: DDIM(eta=1.5), "eta between 0"),
        (lambda: DDIM(eta=float("nan")), "eta between 0"),
        (lambda: OneShot(truncation=-0.1), "truncation must be"),
        (lambda: Raster(temperature=0), "temperature must be"),
    ],
)
def test_wrong_options_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("sampler", "family", "options"),
    [
        (DDIM(), "diffusion", {"steps": 18, "eta": 0.0}),
        (Ancestral(), "diffusion", {"steps": 18}),
        (Euler(), "diffusion", {"steps": 18}),
        (Heun(), "diffusion", {"steps": 18}),
        (OneShot(), "one_shot", {"truncation": 0.0}),
        (Raster(), "raster", {"temperature": 1.0, "cached": True}),
    ],
)
def test_options_are_the_fields_of_a_frozen_value(sampler, family, options):
    assert sampler.family == family
    assert dataclasses.asdict(sampler) == options
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampler.steps = 3
