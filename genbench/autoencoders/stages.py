"""Autoencoders as stages: a model that plans one shares its result with every model that plans the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.options import KLOptions
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import DataSpec
from genbench.interfaces.sampling import Schedule
from genbench.interfaces.training import Batch, LearningRate, Stage, StagePlan, StageSpec, Update

AUTOENCODER = "autoencoder"
"""The name of the stage and of its only module, so that what it learnt is {"autoencoder": {"autoencoder": {…}}}."""


def kl_plan(options: KLOptions) -> StagePlan:
    """A KL autoencoder as a stage that depends on these options and the images alone."""
    return StagePlan(AUTOENCODER, KLStage, options, conditions=(), schedule=False)


class KLStage(Stage):
    """Reconstruct images through a Gaussian latent."""

    def __init__(
        self, options: KLOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options = options
        self.autoencoder = KLAutoencoder(data.shape, options)

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        """Warm-up, then cosine decay."""
        return StageSpec(
            Budget.parse(options.budget), options.batch_size, warmup_steps=50, learning_rate=LearningRate.COSINE
        )

    def modules(self) -> Mapping[str, nn.Module]:
        """The autoencoder."""
        return {AUTOENCODER: self.autoencoder}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {AUTOENCODER: Adam(self.autoencoder.parameters(), self.options.learning_rate, fused=True)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """One step on the evidence bound."""
        losses = self.autoencoder.loss(batch.images, self.options.kl_weight)
        update(losses["loss"], AUTOENCODER)
        return {name: value.detach() for name, value in losses.items()}
