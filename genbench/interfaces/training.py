"""Training: stages, how a model plans them, and what the loop hands to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from genbench.interfaces.budget import Budget
from genbench.interfaces.data import Column, DataSpec
from genbench.interfaces.sampling import Schedule

StageState = Mapping[str, Mapping[str, Tensor]]
"""What a stage learnt: state dicts by the name of the module (or whatever else) they belong to."""


class TrainingView(Protocol):
    """The training split as a stage sees it. Images may lie in a memory map on the host: they are read by index."""

    spec: DataSpec
    device: torch.device

    def __len__(self) -> int: ...

    def images(self, indices: Tensor) -> Tensor:
        """uint8 images [B, C, H, W] on the device, at int64 indices [B]."""
        ...

    def batches(self, size: int) -> Iterator[Tensor]:
        """All images in order, `size` at a time, uint8 on the device."""
        ...


class LearningRate(Enum):
    """What becomes of the learning rate after the warm-up."""

    CONSTANT = "constant"
    COSINE = "cosine"


@dataclass(frozen=True)
class StageSpec:
    """How long and how a stage is trained.

    `batch_size` is the global batch: processes share it. `ema` is the decay per step of the averaged weights (0 keeps
    none), which replace the weights of the `averaged` modules (None: of all) when the stage ends.
    """

    budget: Budget
    batch_size: int
    ema: float = 0.0
    averaged: tuple[str, ...] | None = None
    warmup_steps: int = 0
    learning_rate: LearningRate = LearningRate.CONSTANT
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1 or not 0 <= self.ema < 1 or self.warmup_steps < 0:
            raise ValueError(
                "a stage needs batch_size >= 1, 0 <= ema < 1 and warmup_steps >= 0, not"
                f" {self.batch_size}, {self.ema} and {self.warmup_steps}"
            )


@dataclass(frozen=True)
class Batch:
    """One training batch: float images [B, C, H, W] in [-1, 1], the indices they were drawn by (int64 [B], into the
    training view, for a stage that works on something it computed per image), conditions by name, and where training
    stands: `progress` is step / steps.
    """

    images: Tensor
    indices: Tensor
    conditions: Mapping[str, Column]
    step: int
    progress: float


class Update(Protocol):
    """One complete optimisation step on a scalar loss: clear gradients, back-propagate, average over processes, clip,
    step the optimizer of that name. The loss must depend only on this optimizer's parameters where others should not
    move: gradients of other parameters are discarded. Returns the gradient's norm before clipping, a scalar that is
    still on the device.
    """

    def __call__(self, loss: Tensor, optimizer: str) -> Tensor: ...


class Stage(ABC):
    """One optimisation problem: an autoencoder, a denoiser, a generator with its discriminator.

    Its result is an artifact of its own, which every model that plans the same stage shares. So a stage depends on what
    it is given here and on nothing else: it builds its own modules, and the random generators are seeded from
    (training seed, stage name) before it is built.
    """

    @abstractmethod
    def __init__(self, options: Any, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]) -> None:
        """`options` are those of its StagePlan; `data` holds only the conditions that the plan says it reads; `before`
        are the trained stages that it comes after, by name, on the device and without gradients.
        """

    @classmethod
    @abstractmethod
    def spec(cls, options: Any) -> StageSpec:
        """How long and how it is trained; asked for before any work, and part of the identity of what it learns."""

    @abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """What the stage trains or measures, by name: moved to the device and kept in checkpoints."""

    def begin(self, train: TrainingView) -> None:
        """Called once, before the first step and again after a resume, with the modules on the device: compute here
        what the stage needs of all training images, such as their latents. Must not use randomness.
        """

    @abstractmethod
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimizers by name, over modules that are already on the device. Asked for once, after `begin`."""

    @abstractmethod
    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """Train on one batch and return named scalars (detached, still on the device): losses, norms, accuracies.

        The global random generators are seeded before each call from (training seed, stage name, step, process), so
        `torch.randn` and dropout are reproducible, also after a resume. Compute under autocast only forward passes and
        losses: the loop wraps the call, and steps optimizers outside of it.
        """

    def state(self) -> StageState:
        """All that it learnt or measured, by module; by default the state of every module."""
        return {name: module.state_dict() for name, module in self.modules().items()}

    def load_state(self, state: StageState) -> None:
        """The inverse of `state`, on a freshly constructed stage that a later one builds upon."""
        modules = self.modules()
        for name, values in state.items():
            modules[name].load_state_dict(values)


@dataclass(frozen=True)
class StagePlan:
    """A stage before any work: what it is called, its class, and what its result depends on.

    `options` (by default the model's whole config) are handed to the stage and hashed; `conditions` are the names of
    those that it reads (None: all of the task's); `after` names the earlier stages it builds upon; `schedule` says
    whether it sees the model's noise schedule. A stage that names little is shared by many models.
    """

    name: str
    stage: type[Stage]
    options: Any = None
    conditions: tuple[str, ...] | None = None
    after: tuple[str, ...] = field(default=())
    schedule: bool = True
