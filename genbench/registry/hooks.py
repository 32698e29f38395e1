"""Every pluggy hook of genbench. A plugin marks its implementation with `genbench.hookimpl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from genbench.registry.registrar import Registrar

hookspec = pluggy.HookspecMarker("genbench")
hookimpl = pluggy.HookimplMarker("genbench")


@hookspec
def genbench_register(registry: Registrar) -> None:
    """Add models, samplers, schedules, tasks, datasets, features, metrics, trackers, report formats and packages of
    configs.

    Called once, when names are first needed; also for `--help` and completion, so import nothing heavy here: register
    generators as "module:Class" and keep option dataclasses in modules that do not import torch.
    """
