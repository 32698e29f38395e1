"""A generative adversarial network for genbench."""

from __future__ import annotations

from genbench import Registrar, hookimpl
from genbench_gan.options import GANOptions


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "gan" and its presets."""
    registry.model(
        "gan",
        "genbench_gan.model:GAN",
        GANOptions,
        summary="DCGAN with hinge loss, spectral norm and averaged weights",
        sampler="one_shot",
    )
    registry.configs("genbench_gan.conf")
