"""Latent diffusion does what genbench asks of every generator."""

from __future__ import annotations

from typing import ClassVar

from genbench.testing import GeneratorConformance


class TestLatentDiffusion(GeneratorConformance):
    name = "latent_diffusion"
    options: ClassVar = {
        "autoencoder": {"width": 8, "budget": "steps:3", "batch_size": 8},
        "denoiser": {"width": 16, "blocks": 1, "budget": "steps:3", "batch_size": 8},
    }
    sampler_options: ClassVar = {"steps": 3}
