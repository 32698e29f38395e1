"""genbench list, genbench plugins: what can be chosen, and who brings it."""

from __future__ import annotations

import argparse
from typing import Any

from genbench.discovery.plugins import load_plugins
from genbench.registry.entries import KINDS


def add(commands: Any) -> None:
    """Add the two commands to argparse's subparsers."""
    listing = commands.add_parser("list", help="what can be chosen by name")
    listing.add_argument("kind", nargs="?", help=f"one of: {', '.join(KINDS)}")
    listing.set_defaults(action=list_names)
    plugins = commands.add_parser("plugins", help="installed plugins: loaded, blocked, broken")
    plugins.set_defaults(action=list_plugins)


def list_names(options: argparse.Namespace) -> int:
    """Print the entries of one kind, or of all."""
    from genbench.reports.console import show
    from genbench.reports.listing import list_entries

    entries = list_entries(load_plugins().registry, options.kind)
    show(lambda _: entries)
    return 0


def list_plugins(options: argparse.Namespace) -> int:
    """Print what is installed and, for what is broken, why."""
    from genbench.reports import listing
    from genbench.reports.console import show

    plugins = listing.list_plugins(load_plugins())
    show(lambda _: plugins)
    return 0
