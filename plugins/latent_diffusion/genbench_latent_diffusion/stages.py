"""The denoiser as a stage: it learns on the latents of the training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench import (
    Batch,
    Budget,
    DataSpec,
    LearningRate,
    Schedule,
    Stage,
    StageSpec,
    TrainingView,
    Update,
)
from genbench.autoencoders.kl import Posterior
from genbench.autoencoders.stages import AUTOENCODER, KLStage
from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.objective import denoising_loss
from genbench_latent_diffusion.latents import LatentScale, encode_all
from genbench_latent_diffusion.networks import DenoisingNetwork
from genbench_latent_diffusion.options import DenoisingOptions

DENOISER = "denoiser"


class DenoiserStage(Stage):
    """Denoise the standardised latents of the training images, a fresh draw of each image's posterior every time."""

    def __init__(
        self, options: DenoisingOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        first = before[AUTOENCODER]
        if schedule is None or not isinstance(first, KLStage):
            raise TypeError("the denoiser needs a noise schedule, and a KL autoencoder before it")
        self.options, self.schedule, self.autoencoder = options, schedule, first.autoencoder
        self.classes = classes(data)
        shape = self.autoencoder.latent_shape
        self.network = DenoisingNetwork(shape, self.classes, options.denoiser)
        self.scale = LatentScale(shape[0], options.sigma_data)
        self.denoiser = Denoiser(self.network, options.prediction, options.sigma_data)

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        """Warm-up, then cosine decay, and averaged weights of the network."""
        denoiser = options.denoiser
        return StageSpec(
            Budget.parse(denoiser.budget),
            denoiser.batch_size,
            ema=denoiser.ema,
            averaged=(DENOISER,),
            warmup_steps=50,
            learning_rate=LearningRate.COSINE,
        )

    def modules(self) -> Mapping[str, nn.Module]:
        """The denoising network, and the scale of its latents."""
        return {DENOISER: self.network, "scale": self.scale}

    def begin(self, train: TrainingView) -> None:
        """Encode all training images, and measure the scale of their latents."""
        latents = encode_all(self.autoencoder, train)
        self.scale.measure(latents)
        self.latents = self.scale.standardise(latents)

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        rate = self.options.denoiser.learning_rate
        return {DENOISER: Adam(self.network.parameters(), rate, betas=(0.9, 0.99), fused=True)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """One step on the denoising loss."""
        latents = Posterior(self.latents.mean[batch.indices], self.latents.std[batch.indices]).sample()
        conditions = {}
        if self.classes:
            label = torch.as_tensor(batch.conditions["label"], device=latents.device)
            hidden = torch.rand(label.shape, device=label.device) < self.options.label_dropout
            conditions["label"] = torch.where(hidden, self.classes, label)
        loss = denoising_loss(self.denoiser, latents, self.schedule, self.options.noise_levels, **conditions)
        update(loss, DENOISER)
        return {"loss": loss.detach()}


def classes(data: DataSpec) -> int:
    """How many classes the model is told apart by: none unless the task shows labels."""
    return len(data.classes) if "label" in data.condition_names else 0
