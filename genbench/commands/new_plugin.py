"""genbench new-plugin: a distribution of one's own that passes its conformance test at once."""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from genbench.commands.errors import UserError
from genbench.discovery.plugins import load_plugins
from genbench.registry.kinds import KINDS, kind_of
from genbench.registry.registrar import CORE

NAME = re.compile(r"[a-z][a-z0-9_]*")
TEMPLATES = files("genbench.commands") / "templates"
COMMON, SUFFIX, PLACE = "common", ".tmpl", "NAME"
"""The folder of what every kind has; the end of a template's name; what stands for the plugin's name in paths."""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    command = commands.add_parser(
        "new-plugin",
        help="write a plugin that passes its conformance test, to begin with",
        epilog="example: genbench new-plugin my_model --kind model",
    )
    command.add_argument("name", metavar="NAME", help="what it is registered by, such as my_model")
    command.add_argument("--kind", required=True, metavar="KIND", help=f"one of: {', '.join(KINDS)}")
    command.add_argument(
        "--output", type=Path, default=Path(), metavar="DIR", help="where its folder is written (default: here)"
    )
    command.set_defaults(action=new_plugin)


def new_plugin(options: argparse.Namespace) -> int:
    """Write the distribution, and say what to do with it."""
    kind, name = kind_of(options.kind).name, str(options.name)
    _check(kind, name)
    folder: Path = options.output / distribution(name)
    if folder.exists():
        raise UserError(f"{folder} exists already: choose another name, or another folder with --output")
    try:
        for path, content in rendered(kind, name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror or error}") from None
    steps = "\n    ".join((f"cd {folder}", "pip install -e .", "pytest"))
    print(f"{folder} has a plugin that registers {kind}={name}. Next:\n\n    {steps}")
    return 0


def distribution(name: str) -> str:
    """What pip calls the plugin of this name."""
    return f"genbench-{name.replace('_', '-')}"


def rendered(kind: str, name: str) -> dict[str, str]:
    """The files of a plugin of this kind and name, by their paths in its folder."""
    values = {
        "name": name,
        "Name": "".join(word.capitalize() for word in name.split("_")),
        "kind": kind,
        "distribution": distribution(name),
    }
    contents: dict[str, str] = {}
    for path, template in (*_templates(TEMPLATES / COMMON), *_templates(TEMPLATES / kind)):
        contents[path.replace(PLACE, name)] = Template(template.read_text(encoding="utf-8")).substitute(values)
    contents[".gitignore"] = contents.pop("gitignore")
    return dict(sorted(contents.items()))


def _templates(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every template below the folder, with the path of the file that it becomes."""
    for item in folder.iterdir():
        if item.is_dir():
            yield from _templates(item, f"{prefix}{item.name}/")
        elif item.name.endswith(SUFFIX):
            yield prefix + item.name.removesuffix(SUFFIX), item


def _check(kind: str, name: str) -> None:
    """Raise UserError for a name that cannot be a plugin's, or that something has already."""
    if not NAME.fullmatch(name):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        nearest = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_").lstrip("0123456789_")
        hint = f"; did you mean '{nearest}'?" if nearest else ""
        raise UserError(f"'{name}' is no name: it is made of a-z, 0-9 and _, and begins with a letter{hint}")
    plugins = load_plugins()
    if name in plugins.registry.names(kind):
        provider = plugins.registry.get(kind, name).provider
        raise UserError(f"{kind}={name} exists already, of plugin '{provider}': choose another name")
    if name == CORE or name in {status.name for status in plugins.statuses} or find_spec(f"genbench_{name}"):
        raise UserError(f"there is a plugin '{name}' already (`genbench plugins` shows them): choose another name")
