"""The suite for guidance says what is wrong with bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from genbench import Level
from genbench.diffusion.guidance import ClassifierFree
from genbench.testing import GuidanceConformance


@dataclass(frozen=True)
class Strange(ClassifierFree):
    def reads(self, log_snr: float) -> tuple[str, ...]:
        return ("conditional", "of another model")


@dataclass(frozen=True)
class Silent(ClassifierFree):
    def reads(self, log_snr: float) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Amplifies(ClassifierFree):
    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        return self.scale * predictions["conditional"]


@dataclass(frozen=True)
class Standardises(ClassifierFree):
    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        guided = super().combine(predictions, source, target, fresh, memory)
        return guided - guided.mean(0) + guided.mean()


@dataclass(frozen=True)
class Doubles(ClassifierFree):
    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        return super().combine(predictions, source, target, fresh, memory).double()


@pytest.mark.parametrize(
    ("guidance", "test", "advice"),
    [
        (Strange, "says_what_it_reads", "set `offered` in this suite"),
        (Silent, "says_what_it_reads", "a call needs one prediction at least"),
        (Doubles, "gives_a_prediction", r"returns torch\.float64 for float32"),
        (Amplifies, "that_agree_are_left_alone", "its weights must add up to 1"),
        (Standardises, "guided_one_by_one", "looks across the batch"),
    ],
)
def test_bad_guidance_is_found(guidance: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    suite = suite_for(GuidanceConformance, guidance)
    (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
    with pytest.raises(AssertionError, match=advice):
        getattr(suite, name)()


@dataclass(frozen=True)
class Momentum(ClassifierFree):
    """Adds half of the last difference to each: it remembers."""

    memory: ClassVar[bool] = True

    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        assert memory is not None
        memory.mul_(0.5).add_(predictions["conditional"] - predictions["unconditional"])
        return torch.add(predictions["conditional"], memory, alpha=self.scale - 1)


def test_guidance_that_remembers_passes(suite_for: Callable[..., Any]) -> None:
    suite = suite_for(GuidanceConformance, Momentum)
    suite.test_it_says_what_it_reads()
    suite.test_combining_gives_a_prediction()
    suite.test_predictions_that_agree_are_left_alone()
    suite.test_images_are_guided_one_by_one()
