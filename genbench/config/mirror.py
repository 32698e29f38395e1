"""The registry, mirrored into Hydra's ConfigStore: every registered dataclass is the option of its config group."""

from __future__ import annotations

from copy import copy
from dataclasses import MISSING, Field, field, fields, make_dataclass
from typing import Any, get_type_hints

from hydra import __version__, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins as HydraPlugins
from omegaconf import II

from genbench.config.presets import CONFIGS as CONFIGS
from genbench.config.schema import RootConfig
from genbench.config.searchpath import GenbenchSearchPath
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS, groups
from genbench.registry.registrar import CORE, Registry

VERSION_BASE: dict[str, Any] = {} if __version__ >= "1.4" else {"version_base": "1.3"}
"""Which Hydra's defaults are meant: 1.3 wants to be told, 1.4 will not hear of it."""


def mirror(registry: Registry) -> None:
    """Make every entry of the registry an option that Hydra can compose, list and complete; of an earlier registry
    nothing is left.
    """
    repository = ConfigStore.instance().repo
    for group in groups():
        repository.pop(group, None)
    put("root", RootConfig)
    for entry in registry:
        kind = KINDS[entry.kind]
        if kind.group:
            package = f"{entry.kind}.{entry.name}" if kind.several else None
            put(entry.name, option_class(entry), entry.kind, package, entry.provider)
    GenbenchSearchPath.packages = tuple(registry.config_packages)
    HydraPlugins.instance().register(GenbenchSearchPath)


def put(name: str, node: Any, group: str = "", package: str | None = None, provider: str = CORE) -> None:
    """Put a config into Hydra's store, in the place of one of that name: only some Hydras can be told to replace it."""
    store = ConfigStore.instance()
    (store.repo.get(group, {}) if group else store.repo).pop(f"{name}.yaml", None)
    store.store(name, node, group or None, package, provider)


def composing() -> initialize_config_module:
    """Inside, Hydra composes from the core's configs and the plugins'."""
    return initialize_config_module(CONFIGS, **VERSION_BASE)


def option_class(entry: Entry) -> type[Any]:
    """The entry's dataclass as Hydra wants it: mutable, and with its `name`, so that a plan can be made of it.

    A model also gets the defaults list through which it brings its sampler, a task that of the metrics it brings. The
    class keeps the entry's class name: that is the name in Hydra's errors.
    """
    hints = get_type_hints(entry.options)
    columns: list[tuple[str, Any, Any]] = []
    if not KINDS[entry.kind].several:
        columns.append(("name", str, field(default=entry.name)))
    if entry.defaults:
        brought = [_brought(group, option) for group, option in sorted(entry.defaults.items())]
        columns.append(("defaults", list[Any], field(default_factory=lambda: [*brought, "_self_"])))
    for option in fields(entry.options):
        if entry.kind == "sampler" and option.name == "steps":
            columns.append(("steps", int, field(default=II("sampling.steps"))))
        else:
            columns.append((option.name, hints[option.name], _default(option)))
    return make_dataclass(entry.options.__name__, columns)


def _brought(group: str, option: str) -> dict[str, str]:
    """An entry of a defaults list: another option of a group, or a further one of a group that has several."""
    if KINDS[group].several:
        return {f"/{group}@_global_.{group}.{option}": option}
    return {f"override /{group}@_global_.{group}": option}


def _default(option: Field[Any]) -> Any:
    if option.default_factory is not MISSING:
        return field(default_factory=option.default_factory)
    return field(default=copy(option.default))
