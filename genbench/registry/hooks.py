"""Every pluggy hook of genbench. A plugin marks its implementations with `genbench.hookimpl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from genbench.registry.entries import Registry

hookspec = pluggy.HookspecMarker("genbench")
hookimpl = pluggy.HookimplMarker("genbench")


@hookspec
def genbench_register(registry: Registry) -> None:
    """Add models, samplers, schedules, datasets, features, metrics, trackers and config packages to the registry.

    Called once, when names are first needed; also for `--help` and completion, so import nothing heavy here: register
    generators as "module:Class" and keep option dataclasses in modules that do not import torch.
    """
