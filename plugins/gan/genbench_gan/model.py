"""A GAN as a genbench Generator: hinge loss, spectral norm, averaged generator, truncated latents."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from genbench import (
    Batch,
    Budget,
    Column,
    DataSpec,
    DrawSpec,
    Generator,
    OneShotSampler,
    Runner,
    SampleRequest,
    Schedule,
    Stage,
    StagePlan,
    StageSpec,
    StageState,
    Update,
)
from genbench.drawing.noise import normal
from genbench_gan.networks import Discriminator, GeneratorNetwork, augment
from genbench_gan.options import GANOptions

STAGE = "adversarial"


class GAN(Generator):
    """Two networks in a game; only the averaged generator is kept and drawn from."""

    def __init__(self, config: GANOptions, data: DataSpec, schedule: Schedule | None = None) -> None:
        self.config = config
        self.network = generator_network(config, data)

    @classmethod
    def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        """A GAN draws in one shot, and knows labels and nothing else."""
        if draw.sampler.family != "one_shot":
            family = draw.sampler.family
            return f"a GAN draws in one forward pass, and '{family}' samplers take many; use sampler=one_shot"
        if min(data.height, data.width) < 2:
            return f"a GAN's discriminator needs images of at least 2x2 pixels, not {data.height}x{data.width}"
        if unknown := sorted(set(data.condition_names) - {"label"}):
            return f"a GAN cannot follow the condition '{unknown[0]}'; use task=unconditional or task=class_conditional"
        return None

    @classmethod
    def plan(cls, config: Any, data: DataSpec) -> tuple[StagePlan, ...]:
        """One: the generator against a discriminator that is thrown away afterwards."""
        return (StagePlan(STAGE, AdversarialStage, schedule=False),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(dict(state[STAGE]["generator"]))

    def prepare(self, draw: DrawSpec) -> Runner:
        sampler = cast(OneShotSampler, draw.sampler)
        network = copy.deepcopy(self.network).to(draw.device, draw.dtype).eval().requires_grad_(False)
        return OneShotRunner(network, self.config.latent_size, sampler.truncation, draw.dtype)


class OneShotRunner(Runner):
    """Keyed latents, perhaps truncated, through the network once."""

    def __init__(self, network: GeneratorNetwork, latent_size: int, truncation: float, dtype: torch.dtype) -> None:
        self.networks = {"generator": network}
        self.network, self.latent_size, self.truncation, self.dtype = network, latent_size, truncation, dtype

    def run(self, request: SampleRequest) -> Tensor:
        latents = normal(request.keys, 0, (self.latent_size,), torch.float64)
        if self.truncation:
            latents = truncated(latents, self.truncation)
        images: Tensor = self.network(latents.to(self.dtype), label(request.conditions))
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

    def __init__(
        self, options: GANOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.config = options
        self.generator = generator_network(options, data)
        self.discriminator = Discriminator(data, options.discriminator_channels, classes(data))

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        """A step sees a batch for each update of the discriminator; the generator's weights are averaged."""
        images = options.batch_size * options.discriminator_steps
        return StageSpec(Budget.parse(options.budget), images, ema=options.ema, averaged=("generator",))

    def modules(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def state(self) -> StageState:
        """The generator: nobody needs its opponent afterwards."""
        return {"generator": self.generator.state_dict()}

    def optimizers(self) -> Mapping[str, Optimizer]:
        config = self.config
        rates = {"generator": config.generator_learning_rate, "discriminator": config.discriminator_learning_rate}
        return {
            name: Adam(module.parameters(), rates[name], (config.beta1, config.beta2), fused=True)
            for name, module in self.modules().items()
        }

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        labels = label(batch.conditions)
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
        of_labels = [None] * count if labels is None else labels.tensor_split(count)
        return zip(images.tensor_split(count), of_labels, strict=True)

    def _draw(self, like: Tensor, labels: Tensor | None) -> Tensor:
        latents = torch.randn(len(like), self.config.latent_size, device=like.device, dtype=like.dtype)
        images: Tensor = self.generator(latents, labels)
        return images

    def _scores(self, images: Tensor, labels: Tensor | None) -> Tensor:
        seen = augment(images) if self.config.augment else images
        scores: Tensor = self.discriminator(seen, labels)
        return scores


def classes(data: DataSpec) -> int:
    """How many classes the networks tell apart: 0 where the task shows no labels."""
    return len(data.classes) if "label" in data.condition_names else 0


def generator_network(options: GANOptions, data: DataSpec) -> GeneratorNetwork:
    """The network that is trained, kept and drawn from."""
    return GeneratorNetwork(data, options.latent_size, options.generator_channels, classes(data))


def label(conditions: Mapping[str, Column]) -> Tensor | None:
    """int64 labels [B], where there are any."""
    labels = conditions.get("label")
    return None if labels is None else torch.as_tensor(labels)
