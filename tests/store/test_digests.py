"""Digests: the same for equal values however they are written, different for different ones, refused for the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from genbench.store.digests import digest, plain


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    width: int = 8


@dataclass(frozen=True)
class Options:
    rate: float = 0.1
    widths: tuple[int, ...] = (8, 16)
    inner: Inner = Inner()
    table: dict[str, Any] = field(default_factory=dict)


VALUE = Options(table={"colour": Colour.RED, "folder": Path("/data/x"), "least": float("-inf"), "none": None})


def test_a_value_in_its_plain_form() -> None:
    assert plain(VALUE) == {
        "": "Options",
        "rate": 0.1,
        "widths": [8, 16],
        "inner": {"": "Inner", "width": 8},
        "table": {"colour": "red", "folder": "/data/x", "least": "-inf", "none": None},
    }


def test_the_plain_form_keeps_the_digest_through_json() -> None:
    kept = json.loads(json.dumps(plain({"options": VALUE, "seed": 0})))
    assert digest(**kept) == digest(seed=0, options=VALUE)
    assert plain(plain(VALUE)) == plain(VALUE)


def test_a_digest_is_pinned() -> None:
    assert digest(a=1, b=[True, None, "é"]) == "b71874349daac021"  # sha256sum of {"a":1,"b":[true,null,"\u00e9"]}


def test_the_order_of_arguments_and_keys_does_not_count() -> None:
    assert digest(a=1, b={"x": 1, "y": 2}) == digest(b={"y": 2, "x": 1}, a=1)
    assert digest(a=[1, 2]) != digest(a=[2, 1])


def test_a_class_counts_by_name_and_not_by_module() -> None:
    here, there = (make_dataclass("Same", [("a", int)], namespace={"__module__": name}) for name in ("one", "two"))
    other = make_dataclass("Other", [("a", int)])
    assert (here.__module__, there.__module__) == ("one", "two")
    assert digest(value=here(1)) == digest(value=there(1))
    assert digest(value=here(1)) != digest(value=other(1))


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (1, "1"), (None, "None"), ((), {}), (VALUE, Options())], ids=str
)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert digest(value=one) != digest(value=other)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", len, Options, {"a": [object()]}], ids=str)
def test_anything_else_is_refused_in_a_line(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be part of an identity") as caught:
        digest(value=value)
    assert len(str(caught.value).splitlines()) == 1


def test_keys_are_text() -> None:
    with pytest.raises(TypeError, match="the key 1 cannot be part of an identity: keys are text"):
        plain({1: "a"})
