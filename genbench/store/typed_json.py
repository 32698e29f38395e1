"""Typed dataclasses to plain JSON values and back; what does not fit its annotation is named by its place.

An annotation is made into a function once: a folder of thousands of records is read in seconds.
"""

from __future__ import annotations

import collections.abc
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Decoder = Callable[[Any], Any]


class RecordError(ValueError):
    """A record that is not what docs/results.md says: at which place, and what was found instead of what."""

    def __init__(self, problem: str, place: str = "") -> None:
        self.problem, self.place = problem, place
        super().__init__(f"{place}: {problem}" if place else problem)

    def inside(self, name: str) -> RecordError:
        """The same error, seen from outside the field or entry `name`."""
        separator = "." if self.place and not self.place.startswith("[") else ""
        return RecordError(self.problem, f"{name}{separator}{self.place}")


def mismatch(found: Any, expected: str, place: str = "") -> RecordError:
    """The error for a value of the wrong kind."""
    text = repr(found)
    return RecordError(f"found {text if len(text) <= 60 else text[:57] + '...'}, expected {expected}", place)


def encode(value: Any) -> Any:
    """Dataclasses, mappings, sequences and text enums as plain JSON values; infinities, which JSON lacks, as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.value if isinstance(value, StrEnum) else value


def decode(expected: Any, found: Any, where: str = "") -> Any:
    """`found`, a JSON value, as the annotated type `expected`; RecordError names `where` (a file) and the place in it.

    Annotations may be scalars, Any, Literal, StrEnum, `X | None`, Mapping[str, X], dict[str, X], tuple[X, ...],
    tuple[X, Y, Z] and dataclasses of these. Any other union is a JSON value without objects, its lists as tuples. What
    a dataclass itself refuses with a ValueError becomes a RecordError at its place.
    """
    try:
        return decoder(expected)(found)
    except RecordError as error:
        raise RecordError(str(error), where) from None


@cache
def decoder(expected: Any) -> Decoder:
    """The function that decodes JSON values as `expected`."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not NoneType]
        return _optional(decoder(inner[0])) if len(inner) == 1 else _json
    if origin is Literal:
        return _one_of(arguments)
    if origin in (dict, collections.abc.Mapping):
        return _mapping(decoder(arguments[1]))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return _sequence(decoder(arguments[0]))
        return _fixed(tuple(decoder(argument) for argument in arguments))
    if expected is Any:
        return _any
    if is_dataclass(expected):
        return _dataclass(expected)
    if issubclass(expected, StrEnum):
        one_of = _one_of(tuple(member.value for member in expected))
        return lambda found: expected(one_of(found))
    return {float: _float, str: _text, int: _whole, bool: _truth}[expected]


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(cls))


def _dataclass(cls: Any) -> Decoder:
    hints = get_type_hints(cls)
    decoders = {item.name: decoder(hints[item.name]) for item in fields(cls)}
    nullable = {name for name, hint in hints.items() if NoneType in get_args(hint)}  # most values are null: no call
    required = [item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING]

    def decode_dataclass(found: Any) -> Any:
        if not isinstance(found, dict):
            raise mismatch(found, "an object")
        values, name = {}, ""
        try:
            for name, value in found.items():
                values[name] = None if value is None and name in nullable else decoders[name](value)
        except KeyError:
            raise RecordError(f"unknown field; expected {', '.join(decoders)}", str(name)) from None
        except RecordError as error:
            raise error.inside(name) from None
        for name in required:
            if name not in values:
                raise RecordError(f"found nothing, expected {_named(hints[name])}", name)
        try:
            return cls(**values)
        except RecordError:
            raise
        except ValueError as error:
            raise RecordError(str(error)) from None

    return decode_dataclass


def _optional(inner: Decoder) -> Decoder:
    return lambda found: None if found is None else inner(found)


def _mapping(inner: Decoder) -> Decoder:
    def decode_mapping(found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise mismatch(found, "an object")
        values: dict[str, Any] = {}
        for key, value in found.items():
            if not isinstance(key, str):
                raise mismatch(key, "keys that are text")
            try:
                values[key] = inner(value)
            except RecordError as error:
                raise error.inside(key) from None
        return values

    return decode_mapping


def _sequence(inner: Decoder) -> Decoder:
    def decode_sequence(found: Any) -> tuple[Any, ...]:
        if not isinstance(found, list):
            raise mismatch(found, "a list")
        return tuple(_entry(inner, i, value) for i, value in enumerate(found))

    return decode_sequence


def _fixed(inner: tuple[Decoder, ...]) -> Decoder:
    def decode_fixed(found: Any) -> tuple[Any, ...]:
        if not isinstance(found, list) or len(found) != len(inner):
            raise mismatch(found, f"a list of {len(inner)}")
        return tuple(_entry(decode_one, i, found[i]) for i, decode_one in enumerate(inner))

    return decode_fixed


def _entry(inner: Decoder, i: int, value: Any) -> Any:
    try:
        return inner(value)
    except RecordError as error:
        raise error.inside(f"[{i}]") from None


def _one_of(valid: tuple[str, ...]) -> Decoder:
    def decode_one_of(found: Any) -> str:
        if found not in valid:
            raise mismatch(found, f"one of {', '.join(valid)}")
        return str(found)

    return decode_one_of


def _any(found: Any) -> Any:
    """A free value: checked, since JSON as Python writes it has NaN, and since what is to be written comes here too."""
    kind = type(found)
    if kind is str or kind is int or kind is bool or found is None:
        return found
    if kind is dict:
        return _any_mapping(found)
    if kind is list:
        return [_entry(_any, i, value) for i, value in enumerate(found)]
    if isinstance(found, float):
        return _float(found)
    raise mismatch(found, "a JSON value")


_any_mapping = _mapping(_any)


def _json(found: Any) -> Any:
    """A value of a protocol: null, truth, number, text, or a tuple of these."""
    if isinstance(found, list):
        return tuple(_entry(_json, i, value) for i, value in enumerate(found))
    if found is None or isinstance(found, (bool, int, str)):
        return found
    return _float(found)


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise mismatch(found, "text")
    return found


def _whole(found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool):
        raise mismatch(found, "a whole number")
    return found


def _float(found: Any) -> float:
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        raise mismatch(found, "a number")
    if not math.isfinite(found):
        raise mismatch(found, "a finite number")
    return float(found)


def _truth(found: Any) -> bool:
    if not isinstance(found, bool):
        raise mismatch(found, "true or false")
    return found


def _named(expected: Any) -> str:
    """A type in the words of JSON."""
    arguments = get_args(expected)
    if NoneType in arguments:
        return f"{_named(arguments[0])} or null"
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return plain.get(expected, "a list" if get_origin(expected) is tuple else "an object")
