"""Latent diffusion for genbench: an autoencoder, and a denoiser in its latent space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genbench import hookimpl
from genbench_latent_diffusion.options import LatentDiffusionOptions

if TYPE_CHECKING:
    from genbench import Registry


@hookimpl
def genbench_register(registry: Registry) -> None:
    """Add the model "latent_diffusion" and its presets."""
    registry.model(
        "latent_diffusion",
        "genbench_latent_diffusion.model:LatentDiffusion",
        LatentDiffusionOptions,
        summary="KL autoencoder and a denoiser in its latent space",
        sampler="heun",
        uses=("schedule", "grid", "guidance"),
        defaults={"schedule": "edm", "grid": "karras"},
    )
    registry.configs("genbench_latent_diffusion.conf")
