"""A model of another plugin's autoencoder alone: its latents are drawn from their prior."""

from __future__ import annotations

from dataclasses import dataclass, field

from genbench import Registrar, hookimpl
from genbench.autoencoders.options import KLOptions


@dataclass
class LateOptions:
    """Those of the autoencoder."""

    autoencoder: KLOptions = field(default_factory=lambda: KLOptions(width=8, budget="steps:4"))


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "late"."""
    registry.model("late", "late.model:Late", LateOptions, summary="decodes noise", sampler="one_shot")
