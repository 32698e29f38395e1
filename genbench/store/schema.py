"""The JSON Schema of result.json, made from the dataclasses that read and write it: docs/result.schema.json.

Run as a program it prints the schema: `python -m genbench.store.schema > docs/result.schema.json`.
"""

from __future__ import annotations

import collections.abc
import inspect
import json
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from genbench.store.records import SCHEMA_VERSION, RunRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
PROTOCOL_VALUE = "ProtocolValue"
"""What a measurement's protocol holds by name: anything but objects."""


def json_schema() -> dict[str, Any]:
    """The schema: an object for each dataclass, under its name, with the first paragraph of its docstring."""
    definitions: dict[str, Any] = {}
    root = _object(RunRecord, definitions)
    properties = {"schema_version": {"const": SCHEMA_VERSION}, **root["properties"]}
    return {
        "$schema": DIALECT,
        "title": "genbench: result.json",
        **root,
        "properties": properties,
        "required": ["schema_version", *root["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def _object(cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    required = [item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING]
    return {
        "description": " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split()),
        "type": "object",
        "properties": {item.name: _schema(hints[item.name], definitions) for item in fields(cls)},
        "required": required,
        "additionalProperties": False,
    }


def _schema(expected: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of an annotation, as genbench/store/typed_json.py decodes it."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not NoneType]
        if len(inner) > 1:
            return _protocol_value(definitions)
        return {"anyOf": [_schema(inner[0], definitions), {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (dict, collections.abc.Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": _schema(arguments[0], definitions)}
        entries = [_schema(argument, definitions) for argument in arguments]
        return {"type": "array", "prefixItems": entries, "items": False, "minItems": len(entries)}
    if expected is Any:
        return {}
    if is_dataclass(expected):
        name = expected.__name__  # type: ignore[union-attr]
        if name not in definitions:
            definitions[name] = {}  # a reference to itself ends here
            definitions[name] = _object(expected, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return {"enum": [member.value for member in expected]}
    return {"type": SCALARS[expected]}


def _protocol_value(definitions: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/$defs/{PROTOCOL_VALUE}"}
    scalars = [{"type": name} for name in ("null", "boolean", "number", "string")]
    definitions[PROTOCOL_VALUE] = {
        "description": "A value of a protocol.",
        "anyOf": [*scalars, {"type": "array", "items": reference}],
    }
    return reference


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
