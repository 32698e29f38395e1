"""What may be registered: checked when it is, without Hydra, so that a defect is its plugin's and is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS, groups, optional

NAME = re.compile(r"[a-z0-9_]+")
TARGET = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")
RESERVED = ("name", "defaults")
"""Hydra's composed option holds the registered name and the list of what it brings under these."""
SCALARS = (bool, int, float, str, bytes, Path)


def problem(entry: Entry) -> str | None:
    """Why the entry cannot be registered and what to do, or None if it can."""
    return next(_problems(entry), None)


def _problems(entry: Entry) -> Iterator[str]:
    kind = KINDS[entry.kind]
    if not NAME.fullmatch(entry.name):
        yield "a name is made of a-z, 0-9 and _"
    if not entry.summary.strip():
        yield "the summary is empty: say in one line what it is"
    if isinstance(entry.target, str) and not TARGET.fullmatch(entry.target):
        yield f"'{entry.target}' is not of the form 'package.module:Class'"
    if not (isinstance(entry.options, type) and is_dataclass(entry.options)):
        yield f"options must be a dataclass, not {entry.options!r}"
        return
    if kind.value and not entry.options.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield "a value must not change: make it @dataclass(frozen=True)"
    if unknown := sorted(set(entry.uses) - set(optional())):
        yield f"uses names {', '.join(unknown)}; it may name {', '.join(optional())}"
    for group, option in entry.defaults.items():
        if group not in groups() or group == entry.kind:
            yield f"defaults names '{group}'; a {entry.kind} may bring {', '.join(_others(entry.kind))}"
        if not isinstance(option, str) or not option:
            yield f"defaults['{group}'] must be the name of an option, not {option!r}"
    yield from option_problems(entry.options)


def _others(kind: str) -> list[str]:
    return [group for group in groups() if group != kind]


def option_problems(options: type[Any], where: str = "") -> Iterator[str]:
    """What keeps the fields of a dataclass from being options, those of dataclasses inside included."""
    try:
        hints = get_type_hints(options)
    except (NameError, TypeError) as error:
        yield f"the types of its options cannot be read ({error}): import what they name at run time"
        return
    for option in fields(options):
        name, hint = f"{where}{option.name}", hints[option.name]
        if option.name in RESERVED:
            yield f"an option cannot be called '{name}': that word is taken"
        elif not option.init:
            yield f"option '{name}' is not an argument (init=False): make it a property"
        elif option.default is MISSING and option.default_factory is MISSING:
            yield f"option '{name}' has no default: every option needs one, so that a name alone suffices"
        elif reason := _unfit(hint):
            yield f"option '{name}' is {_word(hint)}: {reason}"
        elif not _fits(default := _default(option), hint):
            yield f"option '{name}' is {_word(hint)}, but its default is {default!r}"
        elif is_dataclass(default):
            yield from option_problems(type(default), f"{name}.")


def _default(option: Field[Any]) -> Any:
    return option.default if option.default_factory is MISSING else option.default_factory()


def _unfit(hint: Any) -> str | None:
    """Why a config cannot hold values of this type, or None if it can."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = [argument for argument in arguments if argument is not NoneType]
        return _unfit(kinds[0]) if len(kinds) == 1 < len(arguments) else "of a union, only X | None can be an option"
    if hint is tuple or origin is tuple:
        return "a config gives back a list; write list[...]"
    if hint in (list, dict) or origin in (list, dict):
        if origin is dict and not (arguments[0] in SCALARS or _is_enum(arguments[0])):
            return "the keys of a dict must be plain values, such as str"
        return next(filter(None, map(_unfit, arguments)), None)
    if hint is Any or hint in SCALARS or _is_enum(hint) or (isinstance(hint, type) and is_dataclass(hint)):
        return None
    return "an option is a bool, int, float, str, Path, Enum, a dataclass of options, or a list or dict of these"


def _fits(value: Any, hint: Any) -> bool:
    """Whether a default is of its type, as strictly as a config is: an int may stand for a float, nothing else."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return value is None or any(_fits(value, argument) for argument in arguments if argument is not NoneType)
    if hint is Any:
        return True
    if origin is list:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(key, arguments[0]) and _fits(item, arguments[1]) for key, item in value.items()
        )
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, int | float if hint is float else hint)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _word(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint)
