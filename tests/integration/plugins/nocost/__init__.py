"""A model that costs nothing, goes wrong as it is told to, and counts its work: for the tests beside this folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from genbench import Budget, Registrar, hookimpl


class Wrong(Enum):
    """What goes wrong in the third step of training, or with the images."""

    nothing = "nothing"
    loss = "loss"
    images = "images"
    error = "error"
    memory = "memory"
    exit = "exit"
    killed = "killed"


@dataclass
class NoCostOptions:
    """`wrong` happens in the process of this `rank`. There are no random numbers in the training."""

    budget: str = "steps:5"
    batch_size: int = 8
    wrong: Wrong = Wrong.nothing
    rank: int = 0

    def __post_init__(self) -> None:
        Budget.parse(self.budget)


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "nocost", and an extractor that counts what it sees."""
    registry.model("nocost", "nocost.model:NoCost", NoCostOptions, summary="costs nothing", sampler="one_shot")
    registry.component("features", "counted", "nocost.features:Counted", summary="pixels of small images, counted")
