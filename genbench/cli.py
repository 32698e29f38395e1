"""The console script: `genbench COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from genbench.commands import listing, report
from genbench.commands import run as running
from genbench.commands.errors import UserError
from genbench.registry import UnknownNameError

COMMANDS = (running, report, listing)


def main(argv: Sequence[str] | None = None) -> None:
    """Exits with 0, with 1 if a run failed, with 2 if what was asked for cannot be."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["run"]:
            sys.exit(running.run(arguments[1:]))
        options = _parser().parse_args(arguments)
        sys.exit(options.action(options))
    except (UserError, UnknownNameError) as error:
        print(f"genbench: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="genbench",
        description="Which generative image model is better, at what, how sure are we, and what does an image cost?",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
