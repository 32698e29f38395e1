"""What every guidance must do, as tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from genbench.diffusion.tables import Level
from genbench.interfaces.sampling import Guidance
from genbench.testing.suite import ValueSuite

LEVELS = tuple(Level(math.cos(angle), math.sin(angle), angle / 1.6) for angle in (1.5, 1.0, 0.5, 0.1))
"""From noise to data."""
LOG_SNRS = (-math.inf, *(level.log_snr for level in LEVELS), math.inf)

Given = Callable[[Sequence[str]], Mapping[str, Tensor]]
"""Predictions by their names."""


class GuidanceConformance(ValueSuite):
    """Subclass it with the `name` that the guidance is registered by. `offered` are the predictions that the models it
    is for offer.
    """

    kind = "guidance"
    offered: ClassVar[Sequence[str]] = ("conditional", "unconditional")

    def test_it_says_what_it_reads(self) -> None:
        guidance: Guidance = self.build()
        assert isinstance(guidance.memory, bool), (
            "`memory` says whether combine() remembers something: a class attribute"
        )
        for log_snr in LOG_SNRS:
            names = guidance.reads(log_snr)
            assert isinstance(names, tuple), f"reads({log_snr:g}) returns {names!r}: return a tuple of names"
            assert names, f"reads({log_snr:g}) is empty: a call needs one prediction at least"
            assert len(set(names)) == len(names), f"reads({log_snr:g}) names one prediction twice: {names}"
            unknown = [name for name in names if name not in self.offered]
            assert not unknown, (
                f"reads({log_snr:g}) names '{unknown[0]}', and models offer {', '.join(self.offered)}: set `offered` in"
                " this suite if the models it is for offer more"
            )
            assert names == guidance.reads(log_snr), (
                f"reads({log_snr:g}) changes from call to call: the number of evaluations is known before the run"
            )

    def test_combining_gives_a_prediction(self) -> None:
        for names, combined in self._combinations(_predictions):
            assert isinstance(combined, Tensor), f"combine() of {names} returns a {type(combined).__name__}"
            assert combined.shape == (3, 2, 4, 4), f"combine() of {names} returns shape {tuple(combined.shape)}"
            assert combined.dtype == torch.float32, f"combine() of {names} returns {combined.dtype} for float32"
            assert combined.isfinite().all(), f"combine() of {names} gives NaN or infinity for ordinary predictions"

    def test_predictions_that_agree_are_left_alone(self) -> None:
        for names, combined in self._combinations(lambda names: dict.fromkeys(names, _predictions(("one",))["one"])):
            assert torch.allclose(combined, _predictions(("one",))["one"], atol=1e-5), (
                f"where {' and '.join(names)} are equal, combine() gives something else: its weights must add up to 1,"
                " whatever the scale, or guidance changes images that need none"
            )

    def test_images_are_guided_one_by_one(self) -> None:
        alone = list(self._combinations(lambda names: {k: v[1:2] for k, v in _predictions(names).items()}, count=1))
        for (names, combined), (_, single) in zip(self._combinations(_predictions), alone, strict=True):
            assert torch.allclose(combined[1:2], single, atol=1e-5), (
                f"combine() of {' and '.join(names)} looks across the batch: reduce over dimensions 1 and on only"
            )

    def _combinations(self, given: Given, count: int = 3) -> Sequence[tuple[tuple[str, ...], Tensor]]:
        """One run down the levels: the names that were read and what came of them, where there were several."""
        guidance: Guidance = self.build()
        memory = torch.zeros(count, 2, 4, 4) if guidance.memory else None
        combined = []
        for source, target in zip(LEVELS, (*LEVELS[1:], Level(1.0, 0.0, 0.0)), strict=True):
            names = guidance.reads(source.log_snr)
            if len(names) > 1:
                predictions = {name: prediction.clone() for name, prediction in given(names).items()}
                combined.append((names, guidance.combine(predictions, source, target, 0.0, memory).clone()))
        if not combined:
            pytest.skip("it reads one prediction alone, which is used as it is")
        return combined


def _predictions(names: Sequence[str]) -> dict[str, Tensor]:
    """Predictions of x_0, float32 [3, 2, 4, 4]."""
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, 2, 4, 4, generator=generator) for name in names}
