"""Find, load, block and list plugins: distributions with an entry point in the group `genbench`, and loose modules.

A plugin that cannot be loaded is remembered with its error and never takes the program down.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Any

import pluggy

from genbench.discovery import builtin
from genbench.registry import hooks as hookspecs
from genbench.registry.entries import Registry

GROUP = "genbench"
FOLDERS = "GENBENCH_PLUGINS"
"""The environment variable that names folders of loose plugins, separated like those of PATH: jobs inherit it."""


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
    """Load the built-in entries, every installed plugin and every loose one, once per process.

    `GENBENCH_DISABLE=name,name` blocks plugins by name. `GENBENCH_PLUGINS` names folders whose modules and packages are
    plugins too, by the module's name; a name that starts with "_" is not a plugin but its private part.
    """
    registry = Registry()
    builtin.genbench_register(registry)
    blocked = {name.strip() for name in os.environ.get("GENBENCH_DISABLE", "").split(",") if name.strip()}
    statuses: list[PluginStatus] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        statuses.append(_load(registry, _Installed(point), blocked))
    for folder in (Path(name).resolve() for name in os.environ.get(FOLDERS, "").split(os.pathsep) if name):
        if not folder.is_dir():
            error = f"no such folder; {FOLDERS} (or --plugins-dir) names it"
            statuses.append(PluginStatus(folder.name, str(folder), str(folder), "", "broken", error))
            continue
        # At the end, so that a loose file never hides an installed module; children of this process get it too.
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        for path in _loose(folder):
            statuses.append(_load(registry, _Loose(path, {status.name for status in statuses}), blocked))
    return Plugins(registry, tuple(statuses))


class _Installed:
    """A plugin that pip installed."""

    def __init__(self, point: EntryPoint) -> None:
        self.name, self.module, self.load = point.name, point.value, point.load
        self.distribution, self.version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")


class _Loose:
    """A file or package in a folder of plugins, beside those whose names are `taken`."""

    version = "loose"

    def __init__(self, path: Path, taken: set[str]) -> None:
        self.name, self.module, self.distribution = path.stem, str(path), path.name
        self.path, self.taken = path, taken

    def load(self) -> Any:
        """Import it, unless it would be mistaken for something else of its name."""
        if self.name in self.taken:
            raise ImportError(f"another plugin is called '{self.name}'; rename {self.path.name}")
        module = importlib.import_module(self.name)
        found = Path(module.__file__ or "").resolve()
        if self.path.resolve() not in (found, *found.parents):
            raise ImportError(f"Python already has a module '{self.name}' ({found}); rename {self.path.name}")
        return module


def _loose(folder: Path) -> Iterable[Path]:
    """Modules and packages, sorted by name."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(("_", ".")) and (path.suffix == ".py" or (path / "__init__.py").is_file()):
            yield path


def _load(registry: Registry, plugin: _Installed | _Loose, blocked: set[str]) -> PluginStatus:
    def status(word: str, error: str = "") -> PluginStatus:
        return PluginStatus(plugin.name, plugin.module, plugin.distribution, plugin.version, word, error)

    if plugin.name in blocked:
        return status("blocked", "named in GENBENCH_DISABLE")
    # One manager a plugin: a misspelt hook or a failing registration is then known to be this plugin's.
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    mark = registry.mark()
    registry.provider = plugin.name
    try:
        manager.register(plugin.load(), plugin.name)
        manager.check_pending()
        if not manager.hook.genbench_register.get_hookimpls():
            raise TypeError(f"module '{plugin.module}' implements no genbench_register hook (is it marked @hookimpl?)")
        manager.hook.genbench_register(registry=registry)
    except (Exception, SystemExit) as error:  # whatever a stranger's plugin raises is its defect, not the user's
        registry.rollback(mark)
        return status("broken", f"{type(error).__name__}: {error}")
    return status("loaded")
