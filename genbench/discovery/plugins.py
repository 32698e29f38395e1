"""Load, block and list plugins. One that cannot be loaded is remembered with its error and takes nothing else down."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version

import pluggy

from genbench.discovery import builtin
from genbench.discovery.finding import FOLDERS as FOLDERS
from genbench.discovery.finding import GROUP, Found, installed, loose
from genbench.discovery.replaced import outdated
from genbench.registry import hooks
from genbench.registry.registrar import CORE, Registrar, RegistrationError, Registry, clash

DISABLE = "GENBENCH_DISABLE"


@dataclass(frozen=True)
class PluginStatus:
    """One plugin as `genbench plugins` shows it; `status` is "loaded", "blocked" or "broken".

    `refused` says which names a loaded plugin did not get, because another one claims them too.
    """

    name: str
    module: str
    distribution: str
    version: str
    status: str
    error: str = ""
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plugins:
    """What is installed, and what it registered."""

    registry: Registry
    statuses: tuple[PluginStatus, ...]

    def version(self, provider: str) -> str:
        """The installed version of the plugin (by entry-point name) or, for "genbench", of the core."""
        if provider == CORE:
            return version(CORE)
        return next(status.version for status in self.statuses if status.name == provider)


class NotAPluginError(Exception):
    """Something that is plugin among the plugins and cannot be one; the message says why."""


@lru_cache(maxsize=1)
def load_plugins() -> Plugins:
    """Load the built-in entries, every installed plugin and every loose one, once per process.

    `GENBENCH_DISABLE=name,name` blocks plugins by name. `GENBENCH_PLUGINS` names folders whose modules and packages are
    plugins too, by the module's name.
    """
    registry = Registry()
    builtin.genbench_register(registry)
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hooks)
    blocked = {name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip()}
    statuses = [_load(registry, manager, plugin, blocked) for plugin in installed()]
    names = [status.name for status in statuses]
    statuses += [_load(registry, manager, plugin, blocked) for plugin in loose(names)]
    return Plugins(registry, tuple(_with_clashes(status, registry) for status in statuses))


def _load(registry: Registry, manager: pluggy.PluginManager, plugin: Found, blocked: set[str]) -> PluginStatus:
    """Import one plugin and take over what it registers, if all goes well; half a plugin is worse than none."""
    status = PluginStatus(plugin.name, plugin.module, plugin.distribution, plugin.version, "loaded")
    if plugin.name in blocked:
        return replace(status, status="blocked", error=f"named in {DISABLE}")
    registrar = registry.registrar(plugin.name)
    try:
        if problem := plugin.problem or outdated(plugin.files()):
            raise NotAPluginError(problem)
        manager.register(plugin.load(), plugin.name)
        _register(manager, plugin, registrar)
    except (Exception, SystemExit) as error:  # whatever a stranger's plugin raises is its defect, not the user's
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        plain = isinstance(error, NotAPluginError | RegistrationError)
        return replace(status, status="broken", error=str(error) if plain else f"{type(error).__name__}: {error}")
    registry.add(registrar)
    return status


def _register(manager: pluggy.PluginManager, plugin: Found, registrar: Registrar) -> None:
    """Call the plugin's own implementation of the hook, so that what goes wrong is known to be its own."""
    manager.check_pending()
    everyone = manager.hook.genbench_register.get_hookimpls()
    implementations = [one for one in everyone if one.plugin_name == plugin.name]
    if not implementations:
        raise NotAPluginError(f"'{plugin.module}' implements no genbench_register hook (is it marked @hookimpl?)")
    for implementation in implementations:
        implementation.function(*[registrar for _ in implementation.argnames])


def _with_clashes(status: PluginStatus, registry: Registry) -> PluginStatus:
    lines = [clash(*place, providers) for place, providers in registry.clashes().items() if status.name in providers]
    return replace(status, refused=tuple(lines))
