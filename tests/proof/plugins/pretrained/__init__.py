"""A pretrained diffusion model: one file holds what it knows, its noise schedule included. Nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass

from genbench import Registrar, hookimpl


@dataclass(frozen=True)
class PretrainedOptions:
    """`weights` is the file: the mean image, the standard deviation of a pixel, the name of the schedule."""

    weights: str = ""


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "pretrained". It uses no schedule of the config, for it brings its own."""
    registry.model("pretrained", "pretrained.model:Pretrained", PretrainedOptions, summary="a file", sampler="ddim")
