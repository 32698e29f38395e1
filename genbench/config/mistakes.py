"""Mistakes in what was typed, in one line: what was wrong, where, and the nearest valid names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from genbench.config.schema import HIDDEN, RootConfig
from genbench.registry.kinds import groups, several
from genbench.registry.names import unknown_name
from genbench.registry.registrar import Registry, clash

PRESETS = ("experiment", "debug")
"""Config groups that only presets live in."""

RENAMED = {
    "steps": "steps={value}: steps of the sampler are now sampling.steps={value}",
    "training.steps": "training.steps={value}: budgets are now written training.budget=steps:{value}",
    "training.images": "training.images={value}: budgets are now written training.budget=images:{value},"
    " for all stages together",
}
"""Options that had another name, and what to write now."""


PACKAGES = {
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "ray": "hydra-ray-launcher",
}
"""Hydra's launchers, and what brings them."""


class MistakeError(Exception):
    """Something in the command cannot be meant; the message is for the person who typed it."""


def check_roots(overrides: Sequence[Override]) -> None:
    """Raises MistakeError for the first override whose first word is neither a group nor a setting of the root, for
    options that have another name now, and for options that nothing would read.
    """
    names = (*groups(), *PRESETS)
    roots = [*names, *(option.name for option in fields(RootConfig) if option.name not in HIDDEN), "hydra"]
    for override in overrides:
        typed, key = str(override.input_line), str(override.key_or_group)
        value = typed.partition("=")[2]
        if key in RENAMED:
            raise MistakeError(RENAMED[key].format(value=value))
        if key.startswith("model.") and key.rpartition(".")[2] == "steps":
            raise MistakeError(f"{typed}: training budgets are now called budget: {key[:-5]}budget=steps:{value}")
        root, _, rest = key.partition(".")
        root = root.partition("/")[0]
        if root not in roots:
            raise MistakeError(f"{typed}: {unknown_name('option', root, sorted(set(roots)))}")
        if override.is_add() and root != "hydra" and (rest or root not in names):
            raise MistakeError(f"{typed}: '+' adds an option that nothing would read; write it without '+'")
        if key in groups() and not override.is_sweep_override() and not _names_something(override):
            raise MistakeError(f"{typed}: '{value}' is no name (`genbench list {key}` shows them)")


def _names_something(override: Override) -> bool:
    """Whether Hydra could look the value of a group up: a name, names, or the group's content."""
    return override.is_delete() or isinstance(override.value(), str | list | dict)


def explain(error: Exception, registry: Registry, broken: bool = False) -> str:
    """Hydra's and OmegaConf's errors in one line, or a few, without a traceback. `broken` says that some plugin could
    not be loaded.
    """
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if providers := registry.clashes().get((group, name)):
            return clash(group, name, providers)
        options: Sequence[str] = error.options or (registry.names(group) if group in groups() else ())
        hint = " (a plugin is broken: `genbench plugins`)" if group == "model" and broken else ""
        if group == "hydra/launcher" and name in PACKAGES:
            hint = f" (it is installed separately: pip install {PACKAGES[name]})"
        return unknown_name(group or "config", name, list(options)) + hint
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(cause, OmegaConfBaseException):
        return f"{cause.full_key}: {str(cause).splitlines()[0]}"
    words = str(error)
    if "You must specify 'model'" in words:
        return f"no model is named: add model=NAME. Valid: {', '.join(registry.names('model'))}"
    return _first_lines(words)


def explain_grammar(error: HydraException) -> str:
    """What Hydra's parser says of an override that is none."""
    return _first_lines(str(error))


def _unknown_key(cause: OmegaConfBaseException) -> str:
    where = str(cause.full_key).rpartition(".")[0]
    valid = sorted(map(str, cause.parent_node)) if isinstance(cause.parent_node, DictConfig) else []
    valid = [name for name in valid if name not in ("name", *HIDDEN)]
    is_several = where in several()
    chosen = cause.parent_node.get("name") if isinstance(cause.parent_node, DictConfig) and not is_several else None
    of = f" of {where}={chosen}" if chosen else f" in {where}" if where else ""
    if is_several:
        added = ",".join([*valid, str(cause.key)])
        return f"{cause.full_key}: '{cause.key}' is not among the {where}: add it, {where}=[{added}]"
    if not valid:
        return f"{cause.full_key}: there is no option '{cause.key}'{of}: it has no options"
    return f"{cause.full_key}: {unknown_name(f'option{of}:', str(cause.key), valid)}"


def _first_lines(text: str) -> str:
    """Hydra's own words, without its advice on stack traces and its address list."""
    kept = [line.strip() for line in text.splitlines() if line.strip() and "hydra.cc" not in line]
    return " ".join(kept[:12])
