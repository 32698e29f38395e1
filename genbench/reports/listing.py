"""What can be chosen by name, and which plugins brought it, as rich renderables. Imports none of what it lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from genbench.plugins import Plugins, PluginStatus
from genbench.registry import KINDS, Entry, Registry

STYLES = {"loaded": "green", "blocked": "yellow", "broken": "bold red"}


def list_entries(registry: Registry, kind: str | None = None) -> Group:
    """Every entry, or those of one kind: name, one line, plugin, options with defaults.

    Raises UnknownNameError for a kind that does not exist.
    """
    kinds = KINDS if kind is None else (kind,)
    parts: list[RenderableType] = []
    for name in kinds:
        entries = [registry.get(name, entry) for entry in registry.names(name)]
        title = Text(f"{name}=", style="bold")
        if not entries:
            parts.append(title.append(" nothing is installed", style="not bold dim"))
            continue
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column("name", style="bold", no_wrap=True)
        table.add_column("what it is", ratio=3)
        table.add_column("from", no_wrap=True)
        table.add_column("options and defaults", ratio=3)
        for entry in entries:
            table.add_row(entry.name, _summary(entry), entry.provider, Text(_options(entry)))
        parts += [table, Text()]
    return Group(*parts)


def list_plugins(plugins: Plugins) -> RenderableType:
    """Every installed plugin: loaded with what it brought, blocked, or broken with the error and what to do."""
    if not plugins.statuses:
        return Text("no plugins are installed; a plugin is a distribution with an entry point in the group 'genbench'")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("plugin", "distribution", "version", "status"):
        table.add_column(column, no_wrap=True)
    table.add_column("brings, or what went wrong")
    for status in plugins.statuses:
        state = Text(status.status, style=STYLES.get(status.status, ""))
        table.add_row(
            Text(status.name, style="bold"),
            status.distribution,
            status.version,
            state,
            _remark(status, plugins.registry),
        )
    return table


def _remark(status: PluginStatus, registry: Iterable[Entry]) -> Text:
    if status.status == "broken":
        advice = (
            f"To do: correct or upgrade '{status.distribution}' (module {status.module}), uninstall it, or block it"
            f" with GENBENCH_DISABLE={status.name}. Everything else works without it."
        )
        return Text(status.error, style="red").append(f"\n{advice}", style="not red default")
    if status.status == "blocked":
        return Text(f"{status.error}; take it out of there to use it")
    return Text(", ".join(f"{entry.kind}={entry.name}" for entry in registry if entry.provider == status.name))


def _summary(entry: Entry) -> Text:
    """The entry's line, and for a model the choices that it comes with unless others are named."""
    brought = ", ".join(f"{group}={name}" for group, name in entry.defaults.items())
    return Text(entry.summary).append(f"\ncomes with {brought}" if brought else "", style="dim")


def _options(entry: Entry) -> str:
    return ", ".join(f"{option.name}={_default(option)}" for option in fields(entry.options)) or "–"


def _default(option: Field[Any]) -> str:
    """A default as one would type it on the command line; "?" where there is none."""
    if option.default is not MISSING:
        return _typed(option.default)
    return "?" if option.default_factory is MISSING else _typed(option.default_factory())


def _typed(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    return str(value) if value != "" else "''"
