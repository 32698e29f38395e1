"""A GAN as a genbench Generator: hinge loss, spectral norm, averaged generator, truncated latents."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from genbench import (
    Batch,
    DataSpec,
    DrawSpec,
    Generator,
    Guidance,
    Runner,
    Sampler,
    SampleRequest,
    Schedule,
    Stage,
    StageSpec,
    TrainingView,
    Update,
)
from genbench.diffusion.guidance import NoGuidance
from genbench.drawing.noise import normal
from genbench.drawing.one_shot import OneShot
from genbench_gan.networks import Discriminator, GeneratorNetwork, augment
from genbench_gan.options import GANOptions


class GAN(Generator):
    """Two networks in a game; only the averaged generator is kept and drawn from."""

    def __init__(self, config: GANOptions, data: DataSpec, schedule: Schedule | None = None) -> None:
        self.config, self.data = config, data
        self.classes = len(data.classes) if "label" in data.conditions else 0
        self.network = GeneratorNetwork(data, config.latent_size, config.generator_channels, self.classes)

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, sampler: Sampler, guidance: Guidance | None) -> str | None:
        """A GAN draws in one shot, knows labels and nothing else, and has no second prediction to be guided by."""
        if not isinstance(sampler, OneShot):
            return f"a GAN draws in one forward pass, and '{sampler.family}' samplers take many; use sampler=one_shot"
        if not (guidance is None or isinstance(guidance, NoGuidance)):
            return (
                "a GAN makes no predictions to guide; use guidance=none (sampler.truncation also trades variety away)"
            )
        if min(data.height, data.width) < 2:
            return f"a GAN's discriminator needs images of at least 2x2 pixels, not {data.height}x{data.width}"
        if unknown := sorted(set(data.conditions) - {"label"}):
            return f"a GAN cannot follow the condition '{unknown[0]}'; use task=unconditional or task=class_conditional"
        return None

    def stages(self, train: TrainingView) -> Iterable[Stage]:
        """One: the generator against a discriminator that is thrown away afterwards."""
        yield AdversarialStage(self)

    def state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    def prepare(self, draw: DrawSpec) -> Runner:
        if not isinstance(draw.sampler, OneShot):
            raise TypeError(self.unsupported(self.config, self.data, draw.sampler, draw.guidance))
        network = copy.deepcopy(self.network).to(draw.device, draw.dtype).eval().requires_grad_(False)
        return OneShotRunner(network, self.config.latent_size, draw.sampler.truncation, draw.dtype)


class OneShotRunner(Runner):
    """Keyed latents, perhaps truncated, through the network once."""

    def __init__(self, network: GeneratorNetwork, latent_size: int, truncation: float, dtype: torch.dtype) -> None:
        self.networks = {"generator": network}
        self.network, self.latent_size, self.truncation, self.dtype = network, latent_size, truncation, dtype

    def run(self, request: SampleRequest) -> Tensor:
        latents = normal(request.keys, 0, (self.latent_size,), torch.float64)
        if self.truncation:
            latents = truncated(latents, self.truncation)
        labels = request.conditions.get("label")
        images: Tensor = self.network(latents.to(self.dtype), labels)
        return images


def truncated(latents: Tensor, limit: float) -> Tensor:
    """Standard normal float64 latents as draws from the normal distribution truncated to [-limit, limit].

    The truncation trick (Brock et al., 2019, section 3.1) without their redraws: each value is replaced by the
    truncated distribution's quantile of the same probability, so that an image changes gradually with the limit.
    """
    low = 0.5 * math.erfc(limit / math.sqrt(2))
    probability = low + (1 - 2 * low) * torch.special.ndtr(latents)
    values: Tensor = torch.special.ndtri(probability)
    return values.clamp(-limit, limit)


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's hinge loss, E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))) (Lim & Ye, 2017; Miyato et al., 2018,
    eq. 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


class AdversarialStage(Stage):
    """Generator against discriminator, in turns."""

    def __init__(self, gan: GAN) -> None:
        config = gan.config
        self.config = config
        self.generator = gan.network
        self.discriminator = Discriminator(gan.data, config.discriminator_channels, gan.classes)
        images = config.batch_size * config.discriminator_steps
        self.spec = StageSpec("adversarial", config.steps, images, ema=config.ema)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def averaged(self) -> Sequence[str]:
        return ("generator",)

    def optimizers(self) -> Mapping[str, Optimizer]:
        config = self.config
        rates = {"generator": config.generator_learning_rate, "discriminator": config.discriminator_learning_rate}
        return {
            name: Adam(module.parameters(), rates[name], (config.beta1, config.beta2), fused=True)
            for name, module in self.modules().items()
        }

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        labels = batch.conditions.get("label")
        for images, part in self._parts(batch.images, labels):
            with torch.no_grad():
                fake = self._draw(images, part)
            both = None if part is None else torch.cat((part, part))
            real_scores, fake_scores = self._scores(torch.cat((images, fake)), both).chunk(2)
            discriminator_loss = hinge(real_scores, fake_scores)
            update(discriminator_loss, "discriminator")
        self.discriminator.requires_grad_(False)
        generator_loss = -self._scores(self._draw(images, part), part).mean()
        update(generator_loss, "generator")
        self.discriminator.requires_grad_(True)
        return {"discriminator": discriminator_loss.detach(), "generator": generator_loss.detach()}

    def _parts(self, images: Tensor, labels: Tensor | None) -> Iterable[tuple[Tensor, Tensor | None]]:
        count = self.config.discriminator_steps
        return zip(images.chunk(count), [None] * count if labels is None else labels.chunk(count), strict=True)

    def _draw(self, like: Tensor, labels: Tensor | None) -> Tensor:
        latents = torch.randn(len(like), self.config.latent_size, device=like.device, dtype=like.dtype)
        images: Tensor = self.generator(latents, labels)
        return images

    def _scores(self, images: Tensor, labels: Tensor | None) -> Tensor:
        seen = augment(images) if self.config.augment else images
        scores: Tensor = self.discriminator(seen, labels)
        return scores
