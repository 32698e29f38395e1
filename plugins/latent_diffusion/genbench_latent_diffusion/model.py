"""Latent diffusion (Rombach et al. 2022, arXiv 2112.10752): diffusion in the latent space of an autoencoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from genbench import (
    DataSpec,
    DrawSpec,
    Generator,
    ImageSet,
    Runner,
    SampleRequest,
    Schedule,
    StagePlan,
    StageState,
)
from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.reconstruction import Reconstructed
from genbench.autoencoders.stages import AUTOENCODER, kl_plan
from genbench.diffusion import guidance, predictions
from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.tables import table_of
from genbench_latent_diffusion.latents import LatentScale
from genbench_latent_diffusion.networks import DenoisingNetwork
from genbench_latent_diffusion.options import LatentDiffusionOptions
from genbench_latent_diffusion.stages import DENOISER, DenoiserStage, classes

Module = TypeVar("Module", bound=nn.Module)

OFFERED = ("conditional", "unconditional")
"""The predictions that guidance may read; the second one needs labels, and some of them hidden in training."""


class LatentDiffusion(Generator):
    """Class-conditional when the task shows labels, unconditional otherwise."""

    def __init__(self, config: LatentDiffusionOptions, data: DataSpec, schedule: Schedule | None) -> None:
        if schedule is None:
            raise ValueError("latent_diffusion needs a noise schedule, such as schedule=edm")
        self.config, self.schedule, self.classes = config, schedule, classes(data)
        self.autoencoder = KLAutoencoder(data.shape, config.autoencoder)
        shape = self.autoencoder.latent_shape
        self.scale = LatentScale(shape[0], config.sigma_data)
        self.network = DenoisingNetwork(shape, self.classes, config.denoiser)

    @classmethod
    def unsupported(
        cls, config: LatentDiffusionOptions, data: DataSpec, draw: DrawSpec, schedule: Schedule | None
    ) -> str | None:
        """Another family's sampler, conditions that are not labels, guidance by predictions that are not learnt, a
        prediction that cannot start from the schedule's last level, an image too small for its downsamplings.
        """
        if draw.sampler.family != "diffusion":
            return (
                f"latent_diffusion removes noise step by step, which a '{draw.sampler.family}' sampler does not: choose"
                " a diffusion sampler, such as sampler=heun or sampler=ddim"
            )
        if schedule is None or draw.grid is None:
            return "latent_diffusion needs a noise schedule and a grid, such as schedule=edm and grid=karras"
        if unknown := [name for name in data.condition_names if name != "label"]:
            return f"latent_diffusion can be conditioned on labels only, not on {', '.join(unknown)}"
        if data.conditions and not data.classes:
            return "latent_diffusion cannot be conditioned on labels of a dataset that names no classes"
        if reason := predictions.unsupported(config.prediction, schedule):
            return reason
        labelled = bool(data.conditions) and config.label_dropout > 0
        read = table_of(draw, schedule).predictions(draw.guidance)
        if "unconditional" in read and not labelled:
            advice = "raise model.label_dropout above 0" if data.conditions else "choose task=class_conditional"
            return f"guidance needs a model that was trained with and without labels: {advice}, or guidance=none"
        if reason := guidance.unsupported(read, OFFERED if labelled else OFFERED[:1]):
            return reason
        return config.autoencoder.unsupported(data.height, data.width)

    @classmethod
    def plan(cls, config: LatentDiffusionOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        """The autoencoder, which depends on its own options alone; then the denoiser on its latents."""
        first = kl_plan(config.autoencoder)
        return first, StagePlan(DENOISER, DenoiserStage, config.denoising, after=(first.name,))

    def load_state(self, state: Mapping[str, StageState]) -> None:
        """Both networks and the latent scale, on the device of the tensors."""
        for module, values in (
            (self.autoencoder, state[AUTOENCODER][AUTOENCODER]),
            (self.network, state[DENOISER][DENOISER]),
            (self.scale, state[DENOISER]["scale"]),
        ):
            module.to(next(iter(values.values())).device).load_state_dict(values)
            module.eval()

    def extra_sets(self, held_out: ImageSet) -> Mapping[str, ImageSet]:
        """Held-out images "reconstructed" by the autoencoder alone: the best that any denoiser could do."""
        return {"reconstructed": Reconstructed(held_out, self.autoencoder)}

    def prepare(self, draw: DrawSpec) -> Runner:
        """Copies of the networks on the device and in the dtype asked for, and the sampler's table."""
        return LatentRunner(self, draw)


class LatentRunner(Runner):
    """Denoise a latent along the trajectory, then decode it."""

    def __init__(self, model: LatentDiffusion, draw: DrawSpec) -> None:
        self.classes = model.classes
        self.network = _ready(model.network, draw)
        self.decoder = _ready(model.autoencoder.decoder, draw)
        self.scale = _ready(model.scale, draw)
        self.networks = {"denoiser": self.network, "decoder": self.decoder}
        denoiser = Denoiser(self.network, model.config.prediction, model.config.sigma_data)
        denoisers = {"conditional": denoiser}
        if model.classes:
            denoisers["unconditional"] = replace(denoiser, network=self._unlabelled)
        self.trajectory = Trajectory(
            table_of(draw, model.schedule),
            denoisers,
            shape=model.autoencoder.latent_shape,
            batch_size=draw.batch_size,
            device=draw.device,
            dtype=draw.dtype,
            guidance=draw.guidance,
        )

    @torch.no_grad()
    def run(self, request: SampleRequest) -> Tensor:
        """Images [B, C, H, W] in [-1, 1], in the dtype of the runner."""
        conditions = {"label": torch.as_tensor(request.conditions["label"])} if self.classes else {}
        latents = self.trajectory.run(request.keys, **conditions)
        images: Tensor = self.decoder(self.scale.restore(latents))
        return images.clamp(-1, 1)

    def _unlabelled(self, latents: Tensor, noise: Tensor, /, **conditions: Tensor) -> Tensor:
        prediction: Tensor = self.network(latents, noise, torch.full_like(conditions["label"], self.classes))
        return prediction


def _ready(module: Module, draw: DrawSpec) -> Module:
    """A copy to draw with: training may go on, and float64 leaves the learnt weights alone."""
    return copy.deepcopy(module).to(draw.device, draw.dtype).eval().requires_grad_(False)
