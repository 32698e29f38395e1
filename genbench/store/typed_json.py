"""Typed dataclasses to plain JSON values and back; what does not fit its annotation is named by its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints


class RecordError(ValueError):
    """A record that is not what docs/results.md says: which field, what was found, what was expected."""


def encode(value: Any) -> Any:
    """Dataclasses, mappings, sequences and text enums as plain JSON values; infinities, which JSON lacks, as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: encode(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.value if isinstance(value, StrEnum) else value


def decode(expected: Any, found: Any, where: str) -> Any:
    """`found`, a JSON value, as the annotated type `expected`; raises RecordError that names the place `where`.

    Annotations may be scalars, Any, Literal, StrEnum, `X | None`, dict[str, X], tuple[X, ...] and dataclasses of these.
    """
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is UnionType:  # the only unions here are `X | None`
        inner = next(argument for argument in arguments if argument is not NoneType)
        return None if found is None else decode(inner, found, where)
    if origin is Literal:
        return _one_of(arguments, found, where)
    if origin is dict:
        if not isinstance(found, Mapping):
            raise mismatch(where, found, "an object")
        for key in found:
            if not isinstance(key, str):
                raise mismatch(where, key, "keys that are text")
        return {key: decode(arguments[1], value, _inside(where, key)) for key, value in found.items()}
    if origin is tuple:
        if not isinstance(found, list):
            raise mismatch(where, found, "a list")
        return tuple(decode(arguments[0], value, f"{where}[{i}]") for i, value in enumerate(found))
    if expected is Any:
        return _any(found, where)
    if is_dataclass(expected):
        return _dataclass(expected, found, where)
    if issubclass(expected, StrEnum):
        return expected(_one_of(tuple(expected), found, where))
    return _scalar(expected, found, where)


def _dataclass(expected: Any, found: Any, where: str) -> Any:
    if not isinstance(found, Mapping):
        raise mismatch(where, found, "an object")
    hints = get_type_hints(expected)
    for key in found:
        if key not in hints:
            raise RecordError(f"{_inside(where, key)}: unknown field; expected {', '.join(hints)}")
    values = {}
    for item in fields(expected):
        place = _inside(where, item.name)
        if item.name in found:
            values[item.name] = decode(hints[item.name], found[item.name], place)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise RecordError(f"{place}: found nothing, expected {_named(hints[item.name])}")
    try:
        return expected(**values)
    except RecordError as error:
        raise RecordError(_inside(where, str(error))) from None


def _any(found: Any, where: str) -> Any:
    if found is None or isinstance(found, bool | int | str):
        return found
    if isinstance(found, float):
        return _scalar(float, found, where)
    if isinstance(found, list):
        return [_any(value, f"{where}[{i}]") for i, value in enumerate(found)]
    return decode(dict[str, Any], found, where)


def _scalar(expected: Any, found: Any, where: str) -> Any:
    accepted = (int, float) if expected is float else expected
    if not isinstance(found, accepted) or (isinstance(found, bool) and expected is not bool):
        raise mismatch(where, found, _named(expected))
    if expected is float and not math.isfinite(found):
        raise mismatch(where, found, "a finite number")
    return float(found) if expected is float else found


def _one_of(valid: tuple[str, ...], found: Any, where: str) -> str:
    if found not in valid:
        raise mismatch(where, found, f"one of {', '.join(valid)}")
    return str(found)


def mismatch(where: str, found: Any, expected: str) -> RecordError:
    """The error for a value of the wrong kind."""
    text = repr(found)
    return RecordError(f"{where}: found {text if len(text) <= 60 else text[:57] + '...'}, expected {expected}")


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _named(expected: Any) -> str:
    """A type in the words of JSON."""
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(expected) is UnionType:
        return f"{_named(get_args(expected)[0])} or null"
    return plain.get(expected, "a list" if get_origin(expected) is tuple else "an object")
