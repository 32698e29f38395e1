"""Training: stages, and what the loop hands to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass(frozen=True)
class TrainingView:
    """The training split as a model sees it: uint8 images [N, C, H, W] and conditions, on the training device."""

    images: Tensor
    conditions: Mapping[str, Tensor] = field(default_factory=dict)


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
