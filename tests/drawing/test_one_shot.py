"""The one-shot sampler is an immutable value that refuses wrong options in words."""

from __future__ import annotations

import dataclasses

import pytest

from genbench.drawing.one_shot import OneShot


@pytest.mark.parametrize("truncation", [-0.1, float("nan"), float("inf")])
def test_a_wrong_truncation_is_refused_in_words(truncation: float) -> None:
    with pytest.raises(ValueError, match="truncation must be a number >= 0"):
        OneShot(truncation)


def test_options_are_the_fields_of_a_frozen_value() -> None:
    assert OneShot().family == "one_shot"
    assert dataclasses.asdict(OneShot()) == {"truncation": 0.0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        OneShot().truncation = 1.0  # type: ignore[misc]
