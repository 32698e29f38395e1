"""Digests of plain values: the names of artifacts. Knows JSON, and nothing of what is hashed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

CLASS = ""
"""The key under which the plain form of a dataclass keeps the name of its class."""


def digest(**parts: Any) -> str:
    """16 hexadecimal digits of SHA-256 over canonical JSON.

    Independent of the order of arguments and of keys, and the same for `plain(parts)`, also after a journey through a
    JSON file. Raises TypeError as `plain` does.
    """
    text = json.dumps(plain(parts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A value as JSON holds it, so that it can be hashed and kept.

    A dataclass becomes its fields and, under "", its class's name without that of the module, so that a moved file
    keeps every digest; two of one name and equal fields are told apart by their code, which is hashed beside them. An
    Enum becomes its value, a path its text, a tuple a list, a number that is not finite its name. Raises TypeError, in
    one line, for anything else and for keys that are not text.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            CLASS: type(value).__qualname__,
            **{item.name: plain(getattr(value, item.name)) for item in fields(value)},
        }
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} cannot be part of an identity: keys are text")
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{_short(value)} cannot be part of an identity: give it as text, numbers, lists or a dataclass")


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
