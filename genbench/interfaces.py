"""The nouns of genbench: what a plugin implements, and what the harness hands it.

Everything a plugin author has to know is in this one file. The harness sees images and features only; it knows nothing
about diffusion, adversaries or raster order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

Array = NDArray[np.float64]


# ------------------------------------------------------------------------------------------------------------ data


@dataclass(frozen=True)
class DataSpec:
    """What the images of a dataset look like, and which conditions the task shows with them.

    `levels` is the number of distinct, evenly spaced intensities (256 for ordinary photographs, 17 for scikit-learn's
    digits): level k is stored as the byte round(255 k / (levels - 1)) and shown to models as 2 k / (levels - 1) - 1
    up to that rounding.
    """

    channels: int
    height: int
    width: int
    levels: int = 256
    classes: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Split:
    """One split of a dataset: uint8 images [N, C, H, W] and, where known, int64 labels [N]; both on the CPU."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """Real images: "train" is what models learn from and are compared with, "held_out" is what nothing has seen."""

    name: str
    spec: DataSpec
    splits: Mapping[str, Split]
    fingerprint: str


@dataclass(frozen=True)
class TrainingView:
    """The training split as a model sees it: uint8 images [N, C, H, W] and conditions, on the training device."""

    images: Tensor
    conditions: Mapping[str, Tensor] = field(default_factory=dict)


def to_unit_range(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 images in [0, 255] -> floats in [-1, 1]."""
    return images.to(dtype).mul_(2 / 255).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Floats in [-1, 1] (clamped) -> uint8 in [0, 255], rounded to the nearest, never truncated."""
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


# -------------------------------------------------------------------------------------------------------- training


class LearningRate(Enum):
    """What becomes of the learning rate after the warm-up."""

    CONSTANT = "constant"
    COSINE = "cosine"


@dataclass(frozen=True)
class StageSpec:
    """How long and how a stage is trained. `ema` is the decay per step of the averaged weights; 0 keeps none."""

    name: str
    steps: int
    batch_size: int
    ema: float = 0.0
    warmup_steps: int = 0
    learning_rate: LearningRate = LearningRate.CONSTANT
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or not 0 <= self.ema < 1 or self.warmup_steps < 0:
            raise ValueError(
                f"stage '{self.name}': expected steps >= 1, batch_size >= 1, 0 <= ema < 1 and warmup_steps >= 0, not"
                f" {self.steps}, {self.batch_size}, {self.ema} and {self.warmup_steps}"
            )


@dataclass(frozen=True)
class Batch:
    """One training batch: float images [B, C, H, W] in [-1, 1], the indices they were drawn by (int64 [B], into the
    training view, for a stage that works on something it computed per image), conditions, and where training stands.
    """

    images: Tensor
    indices: Tensor
    conditions: Mapping[str, Tensor]
    step: int
    progress: float


class Update(Protocol):
    """One complete optimisation step on a scalar loss: clear gradients, back-propagate, average over processes, clip,
    step the optimizer of that name. The loss must depend only on this optimizer's parameters where others should not
    move: gradients of other parameters are discarded.
    """

    def __call__(self, loss: Tensor, optimizer: str) -> None: ...


class Stage(ABC):
    """One optimisation problem: an autoencoder, a denoiser, a generator with its discriminator."""

    spec: StageSpec

    @abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """What the stage trains, by name: moved to the device and kept in checkpoints."""

    def averaged(self) -> Sequence[str]:
        """The names of the modules whose exponential moving average replaces their weights when the stage ends."""
        return tuple(self.modules())

    @abstractmethod
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimizers by name, over modules that are already on the device. Asked for once."""

    @abstractmethod
    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """Train on one batch and return named scalar losses (detached, still on the device).

        The global random generators are seeded before each call from (training seed, stage, step), so `torch.randn`
        and dropout are reproducible, also after a resume.
        """


# --------------------------------------------------------------------------------------------------------- drawing


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


# ------------------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Features:
    """One set of images seen by one extractor: features [N, D] and, where the extractor classifies, logits [N, K]."""

    features: Tensor
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def first(self, n: int) -> Features:
        """The first n images."""
        return Features(self.features[:n], None if self.logits is None else self.logits[:n])


class FeatureExtractor(ABC):
    """Images to features. `fingerprint` covers weights, resizing, input range and dtype: equal prints, same numbers."""

    name: str
    fingerprint: str
    domain: ClassVar[str] = ""
    """The only dataset whose images it understands, by name; empty if it is for images of any kind."""

    @abstractmethod
    def extract(self, images: Tensor) -> Features:
        """For uint8 images [B, C, H, W] on the CPU; the result is on the CPU."""


class Direction(Enum):
    """Which way is better."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Measurement:
    """A number and how sure we are. Without a standard error there is a reason; `estimand` says what it estimates."""

    value: float
    standard_error: float | None
    estimand: str
    n: int
    direction: Direction
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.standard_error is None and not self.reason:
            raise ValueError("a measurement without a standard error must say why (reason=...)")


class Metric(ABC):
    """Features to measurements. Its source is part of a score's identity: an edited metric measures anew."""

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """Why these features cannot be measured (no logits, too few images, …), or None."""
        return None

    @abstractmethod
    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measurements by standard name ("precision", "recall", …)."""
