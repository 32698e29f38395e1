"""What the core brings: all of it can be loaded, built with its defaults, and is what its kind asks for."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from genbench.discovery.builtin import genbench_register
from genbench.registry.code import code
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS, value_kinds
from genbench.registry.registrar import Registry

ROOT = Path(__file__).parents[2]


def core() -> list[Entry]:
    registry = Registry()
    genbench_register(registry)
    return list(registry)


def test_the_core_brings_something_of_every_kind_but_models() -> None:
    assert {entry.kind for entry in core()} == KINDS.keys() - {"model"}
    assert {entry.provider for entry in core()} == {"genbench"}


@pytest.mark.parametrize("entry", core(), ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_every_entry_can_be_loaded_and_has_code(entry: Entry) -> None:
    loaded = entry.load()
    assert callable(loaded)
    assert loaded.__module__ == entry.module
    target = entry.target if isinstance(entry.target, str) else loaded
    assert code(target).digest == code(loaded).digest
    assert loaded.__name__ in code(loaded).parts
    if entry.kind in value_kinds():
        assert loaded() == loaded(**{field.name: getattr(loaded(), field.name) for field in fields(loaded)})


@pytest.mark.parametrize(("room", "contract"), [("metrics", "Metric"), ("features", "FeatureExtractor")])
def test_every_file_of_a_room_that_has_a_member_is_registered(room: str, contract: str) -> None:
    registered = {entry.module.rpartition(".")[2] for entry in core() if entry.kind == room}
    files = (ROOT / "genbench" / room).glob("*.py")
    assert registered == {path.stem for path in files if f"({contract}):" in path.read_text()}
