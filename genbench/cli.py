"""The console script: `genbench COMMAND`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from genbench.commands import completion, listing, new_plugin, report, runs, track
from genbench.commands import run as running
from genbench.commands.errors import UserError
from genbench.discovery.plugins import FOLDERS
from genbench.registry.names import UnknownNameError

COMMANDS = (running, report, runs, track, listing, new_plugin, completion)
PIPE_CLOSED = 141  # 128 + SIGPIPE, as shells say it


def main(argv: Sequence[str] | None = None) -> None:
    """Exits with 0, with 1 if a run failed, with 2 if what was asked for cannot be."""
    try:
        try:
            sys.exit(_command(list(sys.argv[1:] if argv is None else argv)))
        except (UserError, UnknownNameError) as error:
            print(f"genbench: {error}", file=sys.stderr)
            sys.exit(2)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # `genbench list | head -1`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


def _command(arguments: list[str]) -> int:
    arguments = _plugin_folders(arguments)
    if arguments[:1] == ["run"]:
        return running.run(arguments[1:])
    options = parser().parse_args(arguments)
    code: int = options.action(options)
    return code


def _plugin_folders(arguments: Sequence[str]) -> list[str]:
    """The arguments without `--plugins-dir`, whose folders go where jobs in other processes find them as well."""
    parser = argparse.ArgumentParser(prog="genbench", add_help=False, allow_abbrev=False)
    _add_plugins_dir(parser)
    options, rest = parser.parse_known_args(arguments)
    for folder in options.plugins_dir:
        if not folder.is_dir():
            raise UserError(f"--plugins-dir: there is no folder {folder}")
    before = [os.environ[FOLDERS]] if os.environ.get(FOLDERS) else []
    if options.plugins_dir:
        os.environ[FOLDERS] = os.pathsep.join([*before, *(str(folder.resolve()) for folder in options.plugins_dir)])
    return rest


def _add_plugins_dir(parser: argparse.ArgumentParser) -> None:
    words = f"also load the plugins in this folder, installed or not; may be repeated, like {FOLDERS}"
    parser.add_argument("--plugins-dir", type=Path, metavar="DIR", action="append", default=[], help=words)


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed, but for what follows `run`."""
    root = argparse.ArgumentParser(
        prog="genbench",
        description="Which generative image model is better, at what, how sure are we, and what does an image cost?",
    )
    _add_plugins_dir(root)
    root.set_defaults(root=root)  # completion walks through all of it
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return root
