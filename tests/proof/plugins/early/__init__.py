"""A model that builds and trains a network of its own before the autoencoder that it shares with other plugins."""

from __future__ import annotations

from dataclasses import dataclass, field

from genbench import Registrar, hookimpl
from genbench.autoencoders.options import KLOptions


@dataclass
class EarlyOptions:
    """Those of the autoencoder, and how strongly images are re-lit."""

    autoencoder: KLOptions = field(default_factory=lambda: KLOptions(width=8, budget="steps:4"))
    strength: float = 0.5


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "early"."""
    registry.model("early", "early.model:Early", EarlyOptions, summary="re-lights noise", sampler="one_shot")
