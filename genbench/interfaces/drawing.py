"""Drawing: generators, samplers, and what is timed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genbench.interfaces.data import DataSpec
from genbench.interfaces.training import Stage, TrainingView

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SampleRequest:
    """What to draw: one int64 key per image [B], and conditions by name ("label": int64 [B], …).

    Image i depends on keys[i] and its own conditions only, never on its neighbours in the batch.
    """

    keys: Tensor
    conditions: Mapping[str, Tensor | Sequence[str]] = field(default_factory=dict)


class Runner(ABC):
    """A generator made ready for one sampler and one batch size. `run` is what is timed.

    `networks` are the modules that `run` calls, by name; the harness hooks them to count evaluations, parameters and
    operations. The first is the one whose evaluations are counted as NFE.
    """

    networks: Mapping[str, nn.Module]

    @abstractmethod
    def run(self, request: SampleRequest) -> Tensor:
        """Float images [B, C, H, W] in [-1, 1] on the device, decoded to pixels; no host synchronisation inside."""


class Sampler(Protocol):
    """How images are drawn: an immutable value, with no weights, device or hidden state.

    `family` says which generators understand it: "diffusion", "one_shot", "raster", or a plugin's own word.
    """

    family: ClassVar[str]


class Schedule(Protocol):
    """The noise path of a diffusion model: x_t = alpha(t) x_0 + sigma(t) eps, t in [0, 1], t = 0 is data.

    Values are host float64. alpha, sigma >= 0, never both 0; log-SNR = log(alpha^2 / sigma^2) strictly decreases in t.
    """

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) and sigma(t), of t's shape."""
        ...

    def t_at(self, log_snr: Array) -> Array:
        """The inverse: the time at which the log-SNR has this value, clipped to the ends of the path."""
        ...


class Grid(Protocol):
    """The times that a diffusion sampler visits."""

    def times(self, schedule: Schedule, steps: int) -> Array:
        """steps + 1 strictly decreasing times in [0, 1], from noise to data."""
        ...


class Guidance(Protocol):
    """How several predictions are combined. `scale_at` is 1 where the conditional prediction alone is used."""

    def scale_at(self, log_snr: float) -> float:
        """The weight w in x_0 = weak + w (strong - weak) at this noise level."""
        ...


@dataclass(frozen=True)
class DrawSpec:
    """Everything that a generator needs to know to become a Runner. Grid and guidance are None for models that do not
    use them.
    """

    sampler: Sampler
    batch_size: int
    device: torch.device
    dtype: torch.dtype = torch.float32
    grid: Grid | None = None
    guidance: Guidance | None = None


class Generator(ABC):
    """A model plugin: learns a distribution over images, then prepares a Runner that draws from it.

    `config` is an instance of the dataclass registered with it. `schedule` is None for models that did not register
    `uses=("schedule", ...)`.
    """

    @abstractmethod
    def __init__(self, config: Any, data: DataSpec, schedule: Schedule | None) -> None: ...

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, sampler: Sampler, guidance: Guidance | None) -> str | None:
        """Why this combination cannot work and what would (None if it can): asked before any work is spent."""
        return None

    @abstractmethod
    def stages(self, train: TrainingView) -> Iterable[Stage]:
        """The optimisation problems in order. Consumed lazily: a stage is trained (and holds its averaged weights)
        before the next one is asked for, so a generator function may compute latents in between.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """All that has been learnt, as named tensors (written as safetensors: clone tied ones)."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`, on a freshly constructed generator that was never trained."""

    @abstractmethod
    def prepare(self, draw: DrawSpec) -> Runner:
        """Compile, capture, allocate, build tables: never timed as sampling."""


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
        """For uint8 images [N, C, H, W]."""
        ...
