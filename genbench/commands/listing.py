"""genbench list, genbench plugins: what can be chosen, and who brings it. Imports none of what it lists."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from genbench.commands.errors import UserError
from genbench.discovery.plugins import Plugins, PluginStatus, load_plugins
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS
from genbench.registry.names import unknown_name
from genbench.registry.registrar import Registry

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

SETTINGS, PRESETS = "settings", "presets"
STYLES = {"loaded": "green", "blocked": "yellow", "broken": "bold red"}


def add(commands: Any) -> None:
    """Add the two commands to argparse's subparsers."""
    listing = commands.add_parser("list", help="what can be chosen by name, settings and presets")
    listing.add_argument("kind", nargs="?", help=f"one of: {', '.join((*KINDS, PRESETS, SETTINGS))}")
    listing.set_defaults(action=list_names)
    plugins = commands.add_parser("plugins", help="installed plugins: loaded, blocked, broken")
    plugins.set_defaults(action=list_plugins)


def list_names(options: argparse.Namespace) -> int:
    """Print the entries of one kind, the presets, the settings of the root, or all of it."""
    from rich.console import Group

    from genbench.reports.console import show

    kind, registry = options.kind, load_plugins().registry
    if kind not in (None, *KINDS, PRESETS, SETTINGS):
        raise UserError(unknown_name("kind", kind, (*KINDS, PRESETS, SETTINGS)))
    parts: list[RenderableType] = [entries(registry, name) for name in KINDS if kind in (None, name)]
    if kind in (None, PRESETS):
        parts.append(presets(registry))
    if kind in (None, SETTINGS):
        parts.append(settings())
    show(lambda _: Group(*parts))
    return 0


def list_plugins(options: argparse.Namespace) -> int:
    """Print what is installed and, for what is broken, why."""
    from genbench.reports.console import show

    show(lambda _: statuses(load_plugins()))
    return 0


def entries(registry: Registry, kind: str) -> Group:
    """Every entry of a kind: name, one line, plugin, options with defaults."""
    members = [registry.get(kind, name) for name in registry.names(kind)]
    return _section(f"{kind}=", {entry.name: _description(entry) for entry in members})


def presets(registry: Registry) -> Group:
    """Every preset: what it is typed as, its line, and who brings it."""
    from rich.text import Text

    from genbench.config.presets import every_preset

    return _section(
        "presets",
        {f"{p.group}={p.name}": Text(p.line).append(f" [{p.provider}]", style="dim") for p in every_preset(registry)},
    )


def settings() -> Group:
    """Every setting of the root: name, line, type and default."""
    from rich.text import Text

    from genbench.config.schema import settings as root_settings

    return _section(
        "settings",
        {s.name: Text(s.line).append(f"\n{s.name}={s.default} ({s.type})", style="dim") for s in root_settings()},
    )


def statuses(plugins: Plugins) -> RenderableType:
    """Every installed plugin: loaded with what it brought, blocked, or broken with the error and what to do."""
    from rich.text import Text

    if not plugins.statuses:
        return Text("no plugins are installed; a plugin is a distribution with an entry point in the group 'genbench'")
    table = _grid("bold")
    for status in plugins.statuses:
        about = Text(f"{status.distribution} {status.version} ").append(status.status, style=STYLES[status.status])
        table.add_row(status.name, about.append("\n").append(_remark(status, plugins.registry)))
    return table


def _section(title: str, rows: Mapping[str, RenderableType]) -> Group:
    from rich.console import Group
    from rich.text import Text

    head = Text(title, style="bold")
    table = _grid("bold cyan")
    for name, description in rows.items():
        table.add_row(f"  {name}", description)
    return Group(head if rows else head.append(" nothing is installed", style="not bold dim"), table, Text())


def _grid(style: str) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style=style)
    table.add_column()
    return table


def _remark(status: PluginStatus, registry: Iterable[Entry]) -> Text:
    from rich.text import Text

    if status.status == "broken":
        advice = (
            f"To do: correct, upgrade or remove '{status.distribution}' (module {status.module}), or block it"
            f" with GENBENCH_DISABLE={status.name}. Everything else works without it."
        )
        return Text(status.error, style="red").append(f"\n{advice}", style="not red default")
    if status.status == "blocked":
        return Text(f"{status.error}; take it out of there to use it")
    brought = Text(", ".join(f"{entry.kind}={entry.name}" for entry in registry if entry.provider == status.name))
    for line in status.refused:
        brought.append(f"\n{line}", style="red")
    return brought


def _description(entry: Entry) -> Text:
    """The entry's line and its plugin, what it comes with unless other choices are named, and the options."""
    from rich.text import Text

    text = Text(entry.summary).append(f" [{entry.provider}]", style="dim")
    if entry.defaults:
        text.append(f"\ncomes with {' '.join(f'{group}={name}' for group, name in entry.defaults.items())}")
    options = " ".join(f"{name}={value}" for name, value in _options(entry.options))
    return text.append(f"\n{options}", style="dim") if options else text


def _options(options: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every option of a dataclass (or of an instance) and its default, as on the command line: options inside options
    by their dotted names.
    """
    for option in fields(options):
        if not isinstance(options, type):
            default = getattr(options, option.name)
        else:
            default = option.default if option.default_factory is MISSING else option.default_factory()
        if is_dataclass(default):
            yield from _options(default, f"{where}{option.name}.")
        else:
            yield f"{where}{option.name}", _typed(default)


def _typed(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_typed, value))}]"
    return str(value) if value != "" else "''"
