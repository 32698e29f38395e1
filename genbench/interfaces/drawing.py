"""Drawing: models, how images are drawn from them, and what is timed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from genbench.interfaces.data import Column, DataSpec, ImageSet
from genbench.interfaces.sampling import Grid, Guidance, Sampler, Schedule
from genbench.interfaces.training import StagePlan, StageState

IMAGES = "images"
"""The entry of what a Runner returns that is drawn, timed and scored, where it returns several."""


@dataclass(frozen=True)
class SampleRequest:
    """What to draw: one int64 key per image [B], and conditions by name (tensors on the device, texts on the host).

    Image i depends on keys[i] and its own conditions only, never on its neighbours in the batch.
    """

    keys: Tensor
    conditions: Mapping[str, Column] = field(default_factory=dict)


class Runner(ABC):
    """A generator made ready for one sampler and one batch size. `run` is what is timed.

    `networks` are the modules that `run` calls, by name; the harness hooks them to count evaluations, parameters and
    operations. The first is the one whose evaluations are counted as NFE. Empty for a model without networks, whose
    counts are then null.
    """

    networks: Mapping[str, nn.Module]

    @abstractmethod
    def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
        """Float images [B, C, H, W] in [-1, 1] on the device, decoded to pixels; no host synchronisation after texts
        were encoded. A runner that was prepared with `DrawSpec.extras` may return a mapping: "images", and further
        images under names of their own ("before pasting"), which become rows of the table.
        """


@dataclass(frozen=True)
class DrawSpec:
    """Everything that a generator needs to know to become a Runner. Grid and guidance are None for models that do not
    use them. `fast` asks for the compiled or captured path, which gives the images of the plain one up to rounding;
    `extras` for further images beside the main ones, where there are any.
    """

    sampler: Sampler
    batch_size: int
    device: torch.device
    dtype: torch.dtype = torch.float32
    grid: Grid | None = None
    guidance: Guidance | None = None
    fast: bool = False
    extras: bool = False


class Generator(ABC):
    """A model plugin: learns a distribution over images, then prepares a Runner that draws from it.

    `config` is an instance of the options dataclass that the plugin registered, `data` says what images and conditions
    look like, `schedule` is None unless the plugin's registration `uses` one.
    """

    @abstractmethod
    def __init__(self, config: Any, data: DataSpec, schedule: Schedule | None) -> None: ...

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        """Why this combination cannot work and what would (None if it can): asked before any work is spent. Decide by
        `draw.sampler.family`, never by the sampler's class.
        """
        return None

    @classmethod
    def plan(cls, config: Any, data: DataSpec) -> tuple[StagePlan, ...]:
        """The stages in the order in which they are trained, before any work; none for a pretrained model."""
        return ()

    def load_state(self, state: Mapping[str, StageState]) -> None:
        """Take over what the stages learnt, by stage name, on a freshly constructed generator. Tensors are on the
        device that will draw. Not called without stages.
        """

    @classmethod
    def fingerprint(cls, options: Any) -> str | None:
        """A digest of the files elsewhere that the model reads; needed from a model without stages, which is otherwise
        known by nothing. Raises ValueError or OSError if they cannot be read. None if there are none.
        """
        return None

    def extra_sets(self, held_out: ImageSet) -> Mapping[str, ImageSet]:
        """Further sets of images that become rows of the table, by name, such as held-out images "reconstructed"."""
        return {}

    @abstractmethod
    def prepare(self, draw: DrawSpec) -> Runner:
        """Compile, capture, allocate, build tables: never timed as sampling. The generator stays as it is."""


@dataclass(frozen=True)
class LogProb:
    """Log-likelihood in nats per image, float64 [N], of images quantised to `levels`; a lower bound unless `exact`."""

    nats: Tensor
    levels: int
    exact: bool


@runtime_checkable
class HasLikelihood(Protocol):
    """A generator that can score images."""

    def log_prob(self, images: Tensor) -> LogProb:
        """For uint8 images [N, C, H, W]; whatever their number, in bounded memory."""
        ...
