"""Hydra's and OmegaConf's errors, said in one line: what was wrong, where, and the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields

from hydra.errors import MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from genbench.config.schema import RootConfig
from genbench.registry.entries import KINDS, Registry, unknown_name

GROUPS = (*KINDS, "experiment", "debug")
OWN = re.compile(r"^[+~]*(?P<root>[^=.@/:]+)(?P<rest>[./@:][^=]*)?=")


def check_roots(arguments: Iterable[str]) -> str | None:
    """The first override whose first word is neither a group nor an option of the root, explained; None if all are."""
    roots = [*GROUPS, *(option.name for option in fields(RootConfig)), "hydra"]
    for argument in arguments:
        match = OWN.match(argument)
        if argument.startswith("-"):
            return f"unknown option '{argument}' (`genbench run --help`)"
        if not match and not argument.startswith("~"):
            return f"'{argument}' is not an override: write group=name or group.option=value"
        if match and match["root"] not in roots:
            return f"{argument}: {unknown_name('option', match['root'], sorted(set(roots)))}"
        if (
            match
            and argument.startswith("+")
            and match["root"] != "hydra"
            and (match["rest"] or match["root"] not in GROUPS)
        ):
            return f"{argument}: '+' adds an option that nothing would read; write it without '+'"
    return None


def explain(error: Exception, registry: Registry) -> str:
    """One line, or a few, without a traceback."""
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        options: Sequence[str] = error.options or (registry.names(group) if group in KINDS else ())
        broken = " (a plugin is broken: `genbench plugins`)" if group == "model" and _anything_broken() else ""
        return unknown_name(group or "config", name, list(options)) + broken
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(cause, OmegaConfBaseException):
        return f"{cause.full_key}: {str(cause).splitlines()[0]}"
    words = str(error)
    if words.startswith("You must specify 'model'"):
        return f"no model is named: add model=NAME. Valid: {', '.join(registry.names('model'))}"
    if words.startswith("Ambiguous value for argument"):
        return f"{words.splitlines()[0].partition('argument ')[2]}: several values need -m: genbench run -m ..."
    return _first_lines(words)


def _unknown_key(cause: OmegaConfBaseException) -> str:
    where = str(cause.full_key).rpartition(".")[0]
    valid = sorted(map(str, cause.parent_node)) if isinstance(cause.parent_node, DictConfig) else []
    valid = [name for name in valid if name != "name"]
    chosen = cause.parent_node.get("name") if isinstance(cause.parent_node, DictConfig) and where in GROUPS else None
    of = f" of {where}={chosen}" if chosen else f" in {where}" if where else ""
    if not valid:
        return f"{cause.full_key}: there is no option '{cause.key}'{of}: it has no options"
    return f"{cause.full_key}: {unknown_name(f'option{of}:', str(cause.key), valid)}"


def _first_lines(text: str) -> str:
    """Hydra's own words, without its advice on stack traces and its address list."""
    kept = [line.strip() for line in text.splitlines() if line.strip() and "hydra.cc" not in line]
    return " ".join(kept[:12])


def _anything_broken() -> bool:
    from genbench.discovery.plugins import load_plugins

    return any(status.status == "broken" for status in load_plugins().statuses)
