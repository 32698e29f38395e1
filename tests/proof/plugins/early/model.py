"""Decodes noise and adds the mean image, which it has learnt first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from genbench import (
    Batch,
    Budget,
    DataSpec,
    DrawSpec,
    Generator,
    Runner,
    SampleRequest,
    Schedule,
    Stage,
    StagePlan,
    StageSpec,
    StageState,
    Update,
)
from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.stages import AUTOENCODER, kl_plan
from genbench.drawing.noise import normal

if TYPE_CHECKING:
    from early import EarlyOptions


class MeanImage(nn.Module):
    """An image, at first of random numbers."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.randn(data.shape))


class LightStage(Stage):
    """Learn the mean image."""

    def __init__(
        self, options: EarlyOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.mean = MeanImage(data)

    @classmethod
    def spec(cls, options: EarlyOptions) -> StageSpec:
        return StageSpec(Budget.parse("steps:3"), 16)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"mean": self.mean}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"sgd": SGD(self.mean.parameters(), 0.1)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        loss = (batch.images - self.mean.pixels).square().mean()
        update(loss, "sgd")
        return {"loss": loss.detach()}


class EarlyRunner(Runner):
    """Decoded noise, lit by the mean image."""

    def __init__(self, model: Early, draw: DrawSpec) -> None:
        self.autoencoder, self.dtype = model.autoencoder.to(draw.device, draw.dtype), draw.dtype
        self.light = model.strength * model.mean.pixels.detach().to(draw.device, draw.dtype)
        self.networks = {"decoder": self.autoencoder.decoder}

    def run(self, request: SampleRequest) -> Tensor:
        latents = normal(request.keys, 0, self.autoencoder.latent_shape, self.dtype)
        return (self.autoencoder.decode(latents) + self.light).clamp(-1, 1)


class Early(Generator):
    """The model "early"."""

    def __init__(self, config: EarlyOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.mean, self.strength = MeanImage(data), config.strength
        self.autoencoder = KLAutoencoder(data.shape, config.autoencoder)

    @classmethod
    def plan(cls, config: EarlyOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        return StagePlan("light", LightStage), kl_plan(config.autoencoder)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.mean.load_state_dict(state["light"]["mean"])
        self.autoencoder.load_state_dict(state[AUTOENCODER][AUTOENCODER])

    def prepare(self, draw: DrawSpec) -> Runner:
        return EarlyRunner(self, draw)
