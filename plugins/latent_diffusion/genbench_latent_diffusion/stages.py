"""The two optimisation problems: the autoencoder on images, then the denoiser on their latents."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench import Batch, LearningRate, Schedule, Stage, StageSpec, Update
from genbench.autoencoders.kl import KLAutoencoder, Posterior
from genbench.diffusion.objective import denoising_loss
from genbench_latent_diffusion.denoiser import Denoiser
from genbench_latent_diffusion.options import AutoencoderOptions, LatentDiffusionOptions

WARMUP_STEPS = 50


class AutoencoderStage(Stage):
    """Reconstruct images through a Gaussian latent."""

    def __init__(self, autoencoder: KLAutoencoder, options: AutoencoderOptions) -> None:
        self.autoencoder, self.options = autoencoder, options
        self.spec = StageSpec(
            "autoencoder",
            options.steps,
            options.batch_size,
            warmup_steps=WARMUP_STEPS,
            learning_rate=LearningRate.COSINE,
        )

    def modules(self) -> Mapping[str, nn.Module]:
        """The autoencoder."""
        return {"autoencoder": self.autoencoder}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"autoencoder": Adam(self.autoencoder.parameters(), self.options.learning_rate, fused=True)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """One step on the evidence bound."""
        losses = self.autoencoder.loss(batch.images, self.options.kl_weight)
        update(losses["loss"], "autoencoder")
        return {name: value.detach() for name, value in losses.items()}


class DenoiserStage(Stage):
    """Denoise the standardised latents of the training images, a fresh draw of each image's posterior every time."""

    def __init__(
        self, denoiser: Denoiser, latents: Posterior, classes: int, schedule: Schedule, options: LatentDiffusionOptions
    ) -> None:
        self.denoiser, self.latents, self.classes = denoiser, latents, classes
        self.schedule, self.options = schedule, options
        self.spec = StageSpec(
            "denoiser",
            options.denoiser.steps,
            options.denoiser.batch_size,
            ema=options.denoiser.ema,
            warmup_steps=WARMUP_STEPS,
            learning_rate=LearningRate.COSINE,
        )

    def modules(self) -> Mapping[str, nn.Module]:
        """The denoiser."""
        return {"denoiser": self.denoiser}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        rate = self.options.denoiser.learning_rate
        return {"denoiser": Adam(self.denoiser.parameters(), rate, betas=(0.9, 0.99), fused=True)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        """One step on the denoising loss."""
        latents = Posterior(self.latents.mean[batch.indices], self.latents.std[batch.indices]).sample()
        conditions = {}
        if self.classes:
            label = batch.conditions["label"]
            hidden = torch.rand(label.shape, device=label.device) < self.options.label_dropout
            conditions["label"] = torch.where(hidden, self.classes, label)
        loss = denoising_loss(
            self.denoiser,
            latents,
            self.schedule,
            self.options.prediction,
            self.options.sigma_data,
            self.options.noise_levels,
            **conditions,
        )
        update(loss, "denoiser")
        return {"loss": loss.detach()}
