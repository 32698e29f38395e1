"""Latent diffusion (Rombach et al. 2022, arXiv 2112.10752): diffusion in the latent space of an autoencoder."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from genbench import (
    DataSpec,
    DrawSpec,
    Generator,
    Guidance,
    Runner,
    Sampler,
    SampleRequest,
    Schedule,
    Stage,
    TrainingView,
)
from genbench.autoencoders.kl import KLAutoencoder
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.guidance import NoGuidance
from genbench.diffusion.samplers import DiffusionSampler
from genbench_latent_diffusion.denoiser import Denoiser
from genbench_latent_diffusion.latents import LatentScale, encode_all
from genbench_latent_diffusion.options import LatentDiffusionOptions
from genbench_latent_diffusion.stages import AutoencoderStage, DenoiserStage

Module = TypeVar("Module", bound=nn.Module)


class LatentDiffusion(Generator):
    """Class-conditional when the data has the condition "label", unconditional otherwise."""

    def __init__(self, config: LatentDiffusionOptions, data: DataSpec, schedule: Schedule | None) -> None:
        if schedule is None:
            raise ValueError("latent_diffusion needs a noise schedule, such as schedule=edm")
        self.config, self.schedule = config, schedule
        self.classes = len(data.classes) if "label" in data.conditions else 0
        options = config.autoencoder
        self.autoencoder = KLAutoencoder(
            data.shape,
            latent_channels=options.latent_channels,
            downsamplings=options.downsamplings,
            width=options.width,
            blocks=options.blocks,
        )
        self.scale = LatentScale(options.latent_channels, config.sigma_data)
        self.denoiser = Denoiser(self.autoencoder.latent_shape, self.classes, config.denoiser)

    @classmethod
    def unsupported(
        cls, config: LatentDiffusionOptions, data: DataSpec, sampler: Sampler, guidance: Guidance | None
    ) -> str | None:
        """Another family's sampler, guidance without labels to guide by, an image too small for its downsamplings."""
        if not isinstance(sampler, DiffusionSampler):
            return (
                f"latent_diffusion removes noise step by step, which a '{sampler.family}' sampler does not: choose a"
                " diffusion sampler, such as sampler=heun or sampler=ddim"
            )
        if unknown := [name for name in data.conditions if name != "label"]:
            return f"latent_diffusion can be conditioned on labels only, not on {', '.join(unknown)}"
        if "label" in data.conditions and not data.classes:
            return "latent_diffusion cannot be conditioned on labels of a dataset that names no classes"
        if guidance is not None and not isinstance(guidance, NoGuidance):
            if "label" not in data.conditions:
                return "guidance needs labels to guide by: choose task=class_conditional, or guidance=none"
            if config.label_dropout == 0:
                return "guidance needs a model that also trained without labels: raise model.label_dropout above 0"
        factor = 2**config.autoencoder.downsamplings
        if factor > min(data.height, data.width):
            return (
                f"model.autoencoder.downsamplings={config.autoencoder.downsamplings} divides the sides by {factor},"
                f" too much for images of {data.height}x{data.width}"
            )
        return None

    def stages(self, train: TrainingView) -> Iterator[Stage]:
        """The autoencoder; then, on the latents of the training images, the denoiser."""
        yield AutoencoderStage(self.autoencoder, self.config.autoencoder)
        latents = encode_all(self.autoencoder, train.images)
        self.scale.measure(latents)
        yield DenoiserStage(self.denoiser, self.scale.standardise(latents), self.classes, self.schedule, self.config)

    def state(self) -> dict[str, Tensor]:
        """Weights of both networks, and the latent scale."""
        return self._networks().state_dict()

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`."""
        self._networks().load_state_dict(state)

    def prepare(self, draw: DrawSpec) -> Runner:
        """Copies of the networks on the device and in the dtype asked for, and the sampler's table."""
        return LatentRunner(self, draw)

    def _networks(self) -> nn.ModuleDict:
        return nn.ModuleDict({"autoencoder": self.autoencoder, "scale": self.scale, "denoiser": self.denoiser})


class LatentRunner(Runner):
    """Denoise a latent along the trajectory, then decode it."""

    def __init__(self, model: LatentDiffusion, draw: DrawSpec) -> None:
        if not isinstance(draw.sampler, DiffusionSampler) or draw.grid is None:
            raise ValueError("latent_diffusion draws with a diffusion sampler and a grid, such as heun and karras")
        self.classes = model.classes
        self.denoiser = _ready(model.denoiser, draw)
        self.decoder = _ready(model.autoencoder.decoder, draw)
        self.scale = _ready(model.scale, draw)
        self.networks = {"denoiser": self.denoiser, "decoder": self.decoder}
        self.trajectory = Trajectory(
            draw.sampler.table(model.schedule, draw.grid.times(model.schedule, draw.sampler.steps)),
            self.denoiser,
            prediction=model.config.prediction,
            shape=model.autoencoder.latent_shape,
            batch_size=draw.batch_size,
            device=draw.device,
            dtype=draw.dtype,
            sigma_data=model.config.sigma_data,
            guidance=draw.guidance,
            weak_network=self._unlabelled if model.classes else None,
        )

    @torch.no_grad()
    def run(self, request: SampleRequest) -> Tensor:
        """Images [B, C, H, W] in [-1, 1], in the dtype of the runner."""
        conditions = {}
        if self.classes:
            label = request.conditions["label"]
            assert isinstance(label, Tensor)
            conditions["label"] = label
        latents = self.trajectory.run(request.keys, **conditions)
        images: Tensor = self.decoder(self.scale.restore(latents))
        return images.clamp(-1, 1)

    def _unlabelled(self, latents: Tensor, noise: Tensor, /, **conditions: Tensor) -> Tensor:
        prediction: Tensor = self.denoiser(latents, noise, torch.full_like(conditions["label"], self.classes))
        return prediction


def _ready(module: Module, draw: DrawSpec) -> Module:
    """A copy to draw with: training may go on, and float64 leaves the learnt weights alone."""
    return copy.deepcopy(module).to(draw.device, draw.dtype).eval().requires_grad_(False)
