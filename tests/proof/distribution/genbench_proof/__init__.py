"""Inpainting and captions: two tasks, a model and a metric for each, and the images to try them on."""

from __future__ import annotations

from dataclasses import dataclass

from genbench import Budget, Registrar, hookimpl
from genbench_proof.tasks import Captions, Inpainting


@dataclass
class ModelOptions:
    """Both models are one layer, trained by Adam."""

    budget: str = "steps:300"
    batch_size: int = 64
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        Budget.parse(self.budget)


@dataclass(frozen=True)
class TilesOptions:
    """How many images each split has."""

    train: int = 256
    held_out: int = 64


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add all of it."""
    registry.value("task", "inpainting", Inpainting, summary="fill in a hidden square of real images")
    registry.value("task", "captions", Captions, summary="draw what a caption says")
    registry.model("filler", "genbench_proof.filler:Filler", ModelOptions, summary="fills holes", sampler="one_shot")
    registry.model("painter", "genbench_proof.painter:Painter", ModelOptions, summary="draws words", sampler="one_shot")
    registry.component("dataset", "tiles", "genbench_proof.tiles:load", TilesOptions, summary="tiles that say how")
    registry.component("metrics", "hidden_error", "genbench_proof.metrics:HiddenError", summary="error in the holes")
    registry.component("metrics", "agreement", "genbench_proof.metrics:Agreement", summary="images like their words")
    registry.configs("genbench_proof.conf")
