"""Draws from independent Gaussian pixels by diffusion: their best denoiser is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from genbench import DataSpec, DiffusionSampler, DrawSpec, Generator, Runner, SampleRequest, Schedule, files_digest
from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.grids import UniformTime
from genbench.diffusion.predictions import Prediction
from genbench.diffusion.schedules import EDM, Cosine

if TYPE_CHECKING:
    from pretrained import PretrainedOptions

SCHEDULES: Mapping[str, type[Schedule]] = {"cosine": Cosine, "edm": EDM}
KEPT: list[int] = []
"""The first key of each batch that was drawn to be kept; what the clock runs is not noted."""


class ExactDenoiser(nn.Module):
    """E[x_0 | x] for pixels of N(mean, deviation^2); x comes scaled, and with its label ln(sigma / alpha) / 4."""

    def __init__(self, mean: Tensor, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = nn.Parameter(mean, requires_grad=False), deviation

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        noise = (8 * labels).exp().view(-1, 1, 1, 1)  # sigma^2 / alpha^2
        total = self.deviation**2 + noise
        denoised: Tensor = (noise * self.mean + self.deviation**2 * total.sqrt() * x) / total
        return denoised


class PretrainedRunner(Runner):
    """Follow the model's own schedule with the sampler that is asked for."""

    def __init__(self, model: Pretrained, draw: DrawSpec) -> None:
        network = ExactDenoiser(model.mean.to(draw.device, draw.dtype), model.deviation)
        self.networks, self.kept = {"denoiser": network}, draw.extras
        sampler = cast("DiffusionSampler", draw.sampler)
        self.trajectory = Trajectory(
            sampler.table(model.schedule, UniformTime().times(model.schedule, sampler.steps)),
            {"conditional": Denoiser(network, Prediction.x0, model.deviation)},
            shape=tuple(model.mean.shape),
            batch_size=draw.batch_size,
            device=draw.device,
            dtype=draw.dtype,
        )

    def run(self, request: SampleRequest) -> Tensor:
        if self.kept:
            KEPT.append(int(request.keys[0]))
        return self.trajectory.run(request.keys).clamp(-1, 1)


class Pretrained(Generator):
    """The model "pretrained"."""

    def __init__(self, config: PretrainedOptions, data: DataSpec, schedule: Schedule | None) -> None:
        assert schedule is None
        with np.load(config.weights, allow_pickle=False) as file:
            self.mean, self.deviation = torch.from_numpy(file["mean"]), float(file["deviation"])
            self.schedule = SCHEDULES[str(file["schedule"])]()

    @classmethod
    def unsupported(
        cls, config: PretrainedOptions, data: DataSpec, draw: DrawSpec, schedule: Schedule | None
    ) -> str | None:
        return None if draw.sampler.family == "diffusion" else "pretrained needs a diffusion sampler, such as ddim"

    @classmethod
    def fingerprint(cls, options: PretrainedOptions) -> str | None:
        if not Path(options.weights).is_file():
            raise ValueError(f"model.weights={options.weights}: there is no such file")
        return files_digest([options.weights])

    def prepare(self, draw: DrawSpec) -> Runner:
        return PretrainedRunner(self, draw)
