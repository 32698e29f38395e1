"""The published JSON Schema: current, met by what is written, and broken by what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genbench.store.records import RunRecord, Status
from genbench.store.schema import json_schema

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "result.schema.json"
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}
KEYWORDS = {
    "$schema", "$defs", "$ref", "title", "description", "const", "enum", "anyOf", "type", "required", "properties",
    "additionalProperties", "prefixItems", "items", "minItems",
}  # fmt: skip


def valid(schema: Any, value: Any) -> bool:
    """Whether a value meets a schema, in the words of JSON Schema that ours uses (and no others)."""
    if isinstance(schema, bool):
        return schema
    assert schema.keys() <= KEYWORDS, schema.keys() - KEYWORDS
    if "$ref" in schema:
        return valid(json_schema()["$defs"][schema["$ref"].rpartition("/")[2]], value)
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(valid(option, value) for option in schema["anyOf"]):
        return False
    if "type" in schema:
        is_truth = isinstance(value, bool) and schema["type"] != "boolean"
        if is_truth or not isinstance(value, TYPES[schema["type"]]):
            return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        return set(schema.get("required", ())) <= value.keys() and all(
            valid(known.get(name, others), item) for name, item in value.items()
        )
    if isinstance(value, list):
        first, rest = schema.get("prefixItems", []), schema.get("items", {})
        return len(value) >= schema.get("minItems", 0) and all(
            valid(first[i] if i < len(first) else rest, item) for i, item in enumerate(value)
        )
    return True


def test_the_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text()) == json_schema(), (
        "docs/result.schema.json is out of date: python -m genbench.store.schema > docs/result.schema.json"
    )


def test_what_is_written_meets_it(make_record: Callable[..., RunRecord]) -> None:
    failed = make_record(status=Status.FAILED, reason="broke", images=None, model=None, timing=None, artifacts=())
    for record in (make_record(), failed):
        assert valid(json_schema(), json.loads(json.dumps(record.to_json())))


@pytest.mark.parametrize("path", sorted((ROOT / "results" / "reference").glob("*.json")), ids=lambda path: path.name)
def test_the_reference_records_meet_it(path: Path) -> None:
    assert valid(json_schema(), json.loads(path.read_text()))


SCORE = ("rows", "generated", "pixels/recall")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), 1),
        (("quick",), 1),
        (("colour",), 1),
        (("status",), None),
        (("rows",), []),
        ((*SCORE, "n"), 1.5),
        ((*SCORE, "n"), True),
        ((*SCORE, "direction"), "up"),
        ((*SCORE, "interval"), [0.1, 0.2]),
        ((*SCORE, "interval"), [0.1, 0.2, 0.9, 1.0]),
        ((*SCORE, "protocol"), {"k": {}}),
        ((*SCORE, "protocol"), {"k": [1, [{}]]}),
        (("measures", "recall", "kind"), "speed"),
        (("artifacts", 0, "made", "threads"), "one"),
        (("images", "shape"), ["a"]),
    ],
    ids=str,
)
def test_what_is_refused_breaks_it(make_record: Callable[..., RunRecord], place: tuple[Any, ...], value: Any) -> None:
    content = json.loads(json.dumps(make_record().to_json()))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert not valid(json_schema(), content)


def test_every_object_says_what_it_is() -> None:
    objects = [json_schema(), *json_schema()["$defs"].values()]
    assert all(each["description"] for each in objects)
    assert len(objects) > 10
