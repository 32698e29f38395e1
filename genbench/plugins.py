"""Find, load, block and list plugins: distributions with an entry point in the group `genbench`.

A plugin that cannot be loaded is remembered with its error and never takes the program down.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points, version

import pluggy

from genbench import builtin, hookspecs
from genbench.registry import Registry

GROUP = "genbench"


@dataclass(frozen=True)
class PluginStatus:
    """One plugin as `genbench plugins` shows it; `status` is "loaded", "blocked" or "broken"."""

    name: str
    module: str
    distribution: str
    version: str
    status: str
    error: str = ""


@dataclass(frozen=True)
class Plugins:
    """What is installed, and what it registered."""

    registry: Registry
    statuses: tuple[PluginStatus, ...]

    def version(self, provider: str) -> str:
        """The installed version of the plugin (by entry-point name) or, for "genbench", of the core."""
        if provider == "genbench":
            return version("genbench")
        return next(status.version for status in self.statuses if status.name == provider)


@lru_cache(maxsize=1)
def load_plugins() -> Plugins:
    """Load the built-in entries and every installed plugin, once per process.

    `GENBENCH_DISABLE=name,name` blocks plugins by entry-point name.
    """
    registry = Registry()
    builtin.genbench_register(registry)
    blocked = {name.strip() for name in os.environ.get("GENBENCH_DISABLE", "").split(",") if name.strip()}
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    statuses = [_load(registry, point, blocked) for point in found]
    return Plugins(registry, tuple(statuses))


def _load(registry: Registry, point: EntryPoint, blocked: set[str]) -> PluginStatus:
    distribution, release = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
    if point.name in blocked:
        return PluginStatus(point.name, point.value, distribution, release, "blocked", "named in GENBENCH_DISABLE")
    # One manager a plugin: a misspelt hook or a failing registration is then known to be this plugin's.
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    mark = registry.mark()
    registry.provider = point.name
    try:
        manager.register(point.load(), point.name)
        manager.check_pending()
        if not manager.hook.genbench_register.get_hookimpls():
            raise TypeError(f"module '{point.value}' implements no genbench_register hook (is it marked @hookimpl?)")
        manager.hook.genbench_register(registry=registry)
    except Exception as error:  # whatever a stranger's plugin raises is its defect, not the user's
        registry.rollback(mark)
        return PluginStatus(
            point.name, point.value, distribution, release, "broken", f"{type(error).__name__}: {error}"
        )
    return PluginStatus(point.name, point.value, distribution, release, "loaded")
