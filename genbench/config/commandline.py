"""What was typed after `genbench run`, parsed once: flags, and overrides in Hydra's grammar."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from genbench.config.mistakes import MistakeError, explain_grammar


@dataclass(frozen=True)
class CommandLine:
    """A parsed command: `overrides` are for every job, those with several values are axes; `launcher` are the ones that
    say how jobs are launched. `shown` is true where Hydra is asked to show something instead of running.
    """

    multirun: bool
    overrides: tuple[Override, ...]
    launcher: tuple[str, ...]
    shown: bool

    @property
    def several(self) -> list[Override]:
        """The overrides with several values."""
        return [override for override in self.overrides if override.is_sweep_override()]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MistakeError(f"{message} (`genbench run --help`)")


def parse(arguments: Sequence[str]) -> CommandLine:
    """Raises MistakeError for what is neither a flag nor an override."""
    parser = _Parser(prog="genbench run", add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--config-dir", "-cd", action="append", default=[])
    for flag in ("--cfg", "-c", "--package", "-p", "--info", "-i"):
        parser.add_argument(flag, nargs="?", const="", dest=flag.strip("-"))
    for flag in ("--resolve", "--hydra-help", "--shell-completion", "-sc"):
        parser.add_argument(flag, action="store_true", dest=flag.strip("-").replace("-", "_"))
    options, words = parser.parse_known_args(list(arguments))
    if unknown := [word for word in words if word.startswith("-")]:
        raise MistakeError(f"unknown option '{unknown[0]}' (`genbench run --help`)")
    looks = (options.cfg, options.c, options.info, options.i, options.hydra_help, options.shell_completion, options.sc)
    shown = any(look not in (None, False) for look in looks)
    if shown and options.multirun:
        raise MistakeError("-m runs a sweep, and --cfg, --info and the like show one job: leave out -m")
    parsed = parse_overrides(words)
    chosen = tuple(override for override in parsed if not override.is_hydra_override())
    launcher = [str(override.input_line) for override in parsed if override.is_hydra_override()]
    if folders := [quoted(f"file://{Path(folder).absolute()}") for folder in options.config_dir]:
        launcher.append(f"hydra.searchpath=[{','.join(folders)}]")
    return CommandLine(options.multirun, chosen, tuple(launcher), shown)


def parse_overrides(words: Sequence[str]) -> list[Override]:
    """Overrides in Hydra's grammar. Raises MistakeError for what has no such form."""
    if bare := [word for word in words if "=" not in word and not word.startswith("~")]:
        raise MistakeError(f"'{bare[0]}' is not an override: write group=name or group.option=value")
    try:
        return list(OverridesParser.create().parse_overrides(list(words)))
    except HydraException as error:
        raise MistakeError(explain_grammar(error)) from None


def values_of(override: Override) -> list[str]:
    """The values of an override as they would be typed; one, unless it is swept."""
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    return [str(override.input_line).partition("=")[2]]


def typed(override: Override, value: str) -> str:
    """The override with one of its values."""
    return f"{override.get_key_element()}={value}" if not override.is_delete() else str(override.input_line)


def quoted(value: str) -> str:
    """A text as Hydra's grammar and OmegaConf's interpolation take it, whatever it holds: backslashes count only in
    front of a quote, and at the end.
    """
    literal = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", value)
    escaped = re.sub(r"(\\*)'", lambda match: match[1] * 2 + "\\'", literal)
    return "'" + re.sub(r"(\\+)$", lambda match: match[1] * 2, escaped) + "'"
