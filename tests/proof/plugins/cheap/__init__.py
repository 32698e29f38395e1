"""Images by a formula, as many as are asked for, and a data set that lies in a memory map."""

from __future__ import annotations

from dataclasses import dataclass

from genbench import NoOptions, Registrar, hookimpl


@dataclass(frozen=True)
class MappedOptions:
    """`root` is a file of bytes, of which `count` images are used."""

    root: str = ""
    count: int = 0


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add the model "cheap" and the data set "mapped"."""
    registry.model("cheap", "cheap.model:Cheap", NoOptions, summary="a formula", sampler="one_shot")
    registry.component("dataset", "mapped", "cheap.data:load", MappedOptions, summary="bytes in a file")
