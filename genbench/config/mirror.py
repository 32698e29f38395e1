"""The registry, mirrored into Hydra's ConfigStore: every registered dataclass is the option of its config group."""

from __future__ import annotations

from copy import copy
from dataclasses import MISSING, Field, field, fields, make_dataclass
from typing import Any, get_type_hints

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins as HydraPlugins
from omegaconf import II

from genbench.config.schema import RootConfig
from genbench.config.searchpath import GenbenchSearchPath
from genbench.registry.entries import Entry, Registry

SEVERAL = ("features", "metrics")
"""Groups of which a run may have several options: option `x` lands at features.x, metrics.x."""


def mirror(registry: Registry) -> None:
    """Make every entry of the registry an option that Hydra can compose, list and complete."""
    store = ConfigStore.instance()
    store.store(name="root", node=RootConfig, provider="genbench")
    for entry in registry:
        package = f"{entry.kind}.{entry.name}" if entry.kind in SEVERAL else None
        store.store(
            group=entry.kind, name=entry.name, node=option_class(entry), package=package, provider=entry.provider
        )
    GenbenchSearchPath.packages = tuple(registry.config_packages)
    HydraPlugins.instance().register(GenbenchSearchPath)


def option_class(entry: Entry) -> type[Any]:
    """The entry's dataclass as Hydra wants it: mutable, and with its `name`, so that a plan can be made of it.

    A model also gets the defaults list through which it brings its sampler. The class keeps the entry's class name:
    that is the name in Hydra's errors.
    """
    hints = get_type_hints(entry.options)
    columns: list[tuple[str, Any, Any]] = []
    if entry.kind not in SEVERAL:
        columns.append(("name", str, field(default=entry.name)))
    if entry.defaults:
        overrides = [
            {f"override /{group}@_global_.{group}": option} for group, option in sorted(entry.defaults.items())
        ]
        columns.append(("defaults", list[Any], field(default_factory=lambda: [*overrides, "_self_"])))
    for option in fields(entry.options):
        if entry.kind == "sampler" and option.name == "steps":
            columns.append(("steps", int, field(default=II("steps"))))
        else:
            columns.append((option.name, hints[option.name], _default(option)))
    return make_dataclass(entry.options.__name__, columns)


def _default(option: Field[Any]) -> Any:
    if option.default_factory is not MISSING:
        return field(default_factory=option.default_factory)
    if option.default is MISSING:
        raise TypeError(f"option '{option.name}' has no default: every option needs one, so that a name alone suffices")
    return field(default=copy(option.default))
