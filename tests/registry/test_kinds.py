"""The table of kinds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genbench.registry import kinds
from genbench.registry.kinds import KINDS
from genbench.registry.names import UnknownNameError


def test_what_the_helpers_read_from_the_table() -> None:
    assert list(KINDS) == [kind.name for kind in KINDS.values()]
    assert kinds.groups() == tuple(name for name in KINDS if name != "report")
    assert kinds.several() == ("features", "metrics")
    assert kinds.optional() == ("schedule", "grid", "guidance")
    assert kinds.value_kinds() == ("sampler", "schedule", "grid", "guidance", "task")
    assert {*kinds.value_kinds(), *kinds.component_kinds()} == set(KINDS)
    assert kinds.kind_of("grid").value


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown kind 'modle'\. Did you mean 'model'\? Valid: model, sampler"):
        kinds.kind_of("modle")


@pytest.mark.parametrize("name", KINDS)
def test_every_contract_and_suite_exists(name: str) -> None:
    from importlib import import_module

    for place in (KINDS[name].contract, KINDS[name].suite):
        module, _, attribute = place.partition(":")
        assert isinstance(getattr(import_module(module), attribute), type), place


def test_reading_the_registry_imports_nothing_of_other_rooms() -> None:
    code = (
        "import sys\n"
        "from genbench.registry import choice, code, entries, hooks, kinds\n"
        "print(*sorted(m for m in sys.modules if m.startswith(('genbench.', 'torch', 'numpy', 'hydra', 'omegaconf'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "genbench.registry.code" in loaded
    assert [name for name in loaded if not name.startswith("genbench.registry")] == []
