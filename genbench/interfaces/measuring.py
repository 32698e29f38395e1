"""Measuring: feature extractors, the evidence that metrics read, and metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.interfaces.data import Column, DataSpec, ImageSet
from genbench.interfaces.drawing import LogProb
from genbench.interfaces.measurement import MeasureInfo, Measurement

SOURCES = ("generated", "reference", "held_out", "training", "requests", "pairs", "likelihood", "timing")
"""What a metric may declare in `reads` besides the outputs of an extractor ("features", "logits", a layer's name)."""


class FeatureExtractor(ABC):
    """Images to named outputs. Constructed from its options; its source, options, `fingerprint` and the versions of the
    libraries that it imports are part of the identity of what it extracts.
    """

    name: str
    outputs: tuple[str, ...] = ("features",)
    """The names of what `extract` returns; the first is what distances are measured on."""
    domain: ClassVar[str] = ""
    """The only dataset whose images it understands, by name; empty if it is for images of any kind."""

    @classmethod
    def fingerprint(cls, options: Any) -> str | None:
        """A digest of the weights and other files that it reads; None if it reads none."""
        return None

    def to(self, device: torch.device) -> None:
        """Move networks to this device, where there are any; images and outputs stay on the CPU."""

    @abstractmethod
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        """For uint8 images [B, C, H, W] on the CPU: each output as a float tensor [B, ...] on the CPU, row i of image i
        only. Raises ValueError for images that it cannot see.
        """


class UndeclaredReadError(RuntimeError):
    """A metric read what it did not declare in `reads`."""


class Evidence(Protocol):
    """What a metric reads about one set of images: computed once, when first asked for.

    Reading what the metric did not declare raises UndeclaredReadError. What a run or a set does not have is None, and a
    metric that needs it says so through `unsupported`.
    """

    spec: DataSpec
    extractor: str
    """The extractor whose outputs `features` gives; "" for a metric that reads none."""

    @property
    def generated(self) -> ImageSet:
        """The images that are measured."""
        ...

    @property
    def reference(self) -> ImageSet | None:
        """The real images that they are compared with; None where only statistics of them are known."""
        ...

    @property
    def held_out(self) -> ImageSet | None:
        """Real images that nothing has learnt from."""
        ...

    @property
    def training(self) -> ImageSet | None:
        """The images that the model learnt from; None where they are not known."""
        ...

    @property
    def requests(self) -> Mapping[str, Column] | None:
        """The conditions that the images were asked for with, by name, one entry per image; None for a set that was
        not drawn on request.
        """
        ...

    @property
    def pairs(self) -> ImageSet | None:
        """What each request should have given: image i belongs to generated image i."""
        ...

    @property
    def likelihood(self) -> LogProb | None:
        """Of the held-out images, by the model; None if it cannot say."""
        ...

    @property
    def timing(self) -> Mapping[str, Measurement] | None:
        """The clock's numbers by name; None for images that were not drawn here."""
        ...

    def features(self, of: str = "generated", output: str = "features") -> Tensor | None:
        """One output of the extractor, float32 [N, ...], for the images of "generated", "reference", "held_out",
        "training" or "pairs"; memory-mapped, so convert a part at a time. None where the set is. The same object for
        the same set and output, whoever asks.
        """
        ...

    def statistics(self) -> tuple[Tensor, Tensor, int | None] | None:
        """Mean [D] and covariance [D, D] (float64) of the reference's features, and from how many images, where these
        are all that is known of it; None where the reference has images.
        """
        ...


@dataclass(frozen=True)
class Score:
    """What a metric found: measurements by the names that it declared, and arrays with one entry per generated or per
    reference image (influences, distances, flags), which are kept beside them.
    """

    measurements: Mapping[str, Measurement]
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


class Metric(ABC):
    """Evidence to measurements. Constructed from its options; its source is part of a score's identity.

    `reads` names what it needs, of SOURCES and an extractor's outputs. One that reads an output is measured once per
    extractor that has it, any other once per run. `measures` says what it gives. `version` is that of the published
    definition and goes into protocols, never into an identity.
    """

    reads: tuple[str, ...]
    measures: tuple[MeasureInfo, ...]
    version: int = 1

    def unsupported(self, evidence: Evidence) -> str | None:
        """Why this evidence cannot be measured (too few images, no pairs, …), or None."""
        return None

    @abstractmethod
    def measure(self, evidence: Evidence) -> Score:
        """Every measure that it declared."""
