"""What can be chosen by name, and which plugins brought it, as rich renderables. Imports none of what it lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from genbench.discovery.plugins import Plugins, PluginStatus
from genbench.registry.entries import KINDS, Entry, Registry

STYLES = {"loaded": "green", "blocked": "yellow", "broken": "bold red"}


def list_entries(registry: Registry, kind: str | None = None) -> Group:
    """Every entry, or those of one kind: name, one line, plugin, options with defaults.

    Raises UnknownNameError for a kind that does not exist.
    """
    parts: list[RenderableType] = []
    for group in KINDS if kind is None else (kind,):
        entries = [registry.get(group, name) for name in registry.names(group)]
        title = Text(f"{group}=", style="bold")
        parts.append(title if entries else title.append(" nothing is installed", style="not bold dim"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="bold cyan")
        table.add_column()
        for entry in entries:
            table.add_row(f"  {entry.name}", _description(entry))
        parts += [table, Text()]
    return Group(*parts)


def list_plugins(plugins: Plugins) -> RenderableType:
    """Every installed plugin: loaded with what it brought, blocked, or broken with the error and what to do."""
    if not plugins.statuses:
        return Text("no plugins are installed; a plugin is a distribution with an entry point in the group 'genbench'")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for status in plugins.statuses:
        about = Text(f"{status.distribution} {status.version} ").append(status.status, style=STYLES[status.status])
        table.add_row(status.name, about.append("\n").append(_remark(status, plugins.registry)))
    return table


def _remark(status: PluginStatus, registry: Iterable[Entry]) -> Text:
    if status.status == "broken":
        advice = (
            f"To do: correct, upgrade or remove '{status.distribution}' (module {status.module}), or block it"
            f" with GENBENCH_DISABLE={status.name}. Everything else works without it."
        )
        return Text(status.error, style="red").append(f"\n{advice}", style="not red default")
    if status.status == "blocked":
        return Text(f"{status.error}; take it out of there to use it")
    return Text(", ".join(f"{entry.kind}={entry.name}" for entry in registry if entry.provider == status.name))


def _description(entry: Entry) -> Text:
    """The entry's line and its plugin, what a model comes with unless other choices are named, and the options."""
    text = Text(entry.summary).append(f" [{entry.provider}]", style="dim")
    if entry.defaults:
        text.append(f"\ncomes with {' '.join(f'{group}={name}' for group, name in entry.defaults.items())}")
    options = " ".join(f"{name}={value}" for name, value in _options(entry.options))
    return text.append(f"\n{options}", style="dim") if options else text


def _options(options: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every option of a dataclass (or of an instance) and its default, as on the command line: options inside options
    by their dotted names, "?" where there is no default.
    """
    for option in fields(options):
        if not isinstance(options, type):
            default = getattr(options, option.name)
        else:
            default = option.default if option.default_factory is MISSING else option.default_factory()
        if is_dataclass(default):
            yield from _options(default, f"{where}{option.name}.")
        else:
            yield f"{where}{option.name}", "?" if default is MISSING else _typed(default)


def _typed(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    return str(value) if value != "" else "''"
