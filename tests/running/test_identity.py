"""What is in each hash, and what is not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from genbench.diffusion.grids import Karras
from genbench.diffusion.guidance import ClassifierFree
from genbench.diffusion.schedules import Cosine
from genbench.drawing.one_shot import OneShot
from genbench.running import identity
from genbench.running.plan import Plan
from genbench.running.tasks import ClassConditional

Change = Callable[[Plan], Plan]


def ids(plan: Plan) -> tuple[str, str, str, str, str]:
    found = identity.run_ids(plan, "data")
    return found.model, found.samples, found.timing, found.run, identity.family_id(plan, "data")


def changed(plan: Plan, change: Change) -> str:
    """Which of Model, Samples, Timing, Run, Family change, as letters."""
    return "".join(letter for letter, old, new in zip("MSTRF", ids(plan), ids(change(plan)), strict=True) if old != new)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: replace(p, training=replace(p.training, seed=1)), "MSTR"),
        (lambda p: replace(p, sampling=replace(p.sampling, seed=1)), "SR"),
        (lambda p: replace(p, training=replace(p.training, steps=7)), "MSTRF"),
        (lambda p: replace(p, training=replace(p.training, precision="bf16-mixed")), "MSTRF"),
        (lambda p: replace(p, sampler=OneShot(truncation=0.5)), "STRF"),
        (lambda p: replace(p, sampling=replace(p.sampling, num_samples=400)), "SRF"),
        (lambda p: replace(p, sampling=replace(p.sampling, batch_size=50)), "STRF"),
        (lambda p: replace(p, sampling=replace(p.sampling, dtype="float64")), "STRF"),
        (lambda p: replace(p, task=ClassConditional()), "MSTRF"),
        (lambda p: replace(p, threads=2), "TRF"),
        (lambda p: replace(p, timing=replace(p.timing, seconds=9.0)), "TRF"),
        (lambda p: replace(p, metrics={}), "RF"),
        (lambda p: replace(p, grid=Karras()), "STRF"),
        (lambda p: replace(p, grid=Karras(), guidance=ClassifierFree()), "STRF"),
        (lambda p: replace(p, schedule=Cosine()), "MSTRF"),
        (lambda p: replace(p, results=Path("elsewhere")), ""),
        (lambda p: replace(p, training=replace(p.training, checkpoint_seconds=1.0)), ""),
        (lambda p: replace(p, config={"anything": 1}), ""),
    ],
)
def test_what_a_change_makes_anew(toy_plan: Plan, change: Change, expected: str) -> None:
    assert changed(toy_plan, change) == expected


def test_options_of_groups_that_a_model_does_not_use_do_not_count(toy_plan: Plan) -> None:
    """The config makes a Plan's schedule None for such a model; what the config said of it is in no hash."""
    one = replace(toy_plan, config={**toy_plan.config, "schedule": {"name": "cosine"}})
    other = replace(toy_plan, config={**toy_plan.config, "schedule": {"name": "edm"}})
    assert ids(one) == ids(other)


def test_the_dataset_counts(toy_plan: Plan) -> None:
    assert identity.model_id(toy_plan, "a") != identity.model_id(toy_plan, "b")


def test_a_digest_does_not_depend_on_the_order_of_its_parts_but_on_their_values() -> None:
    assert identity.digest(a=1, b={"x": 1, "y": 2}) == identity.digest(b={"y": 2, "x": 1}, a=1)
    assert identity.digest(a=1) != identity.digest(a=1.5)
    assert len(identity.digest(a=1)) == 16


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write two modules of a package, one importing the other; returns the digest of the first."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(first: str, second: str) -> str:
        folder = tmp_path / "some_plugin"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / "first.py").write_text(first)
        (folder / "second.py").write_text(second)
        for name in [name for name in sys.modules if name.startswith("some_plugin")]:
            del sys.modules[name]
        identity.source_digest.cache_clear()
        return identity.source_digest("some_plugin.first")

    return write


def test_an_edited_source_changes_the_digest_and_a_comment_does_not(package: Callable[[str, str], str]) -> None:
    first = "from some_plugin import second\ndef f():\n    return second.x\n"
    before = package(first, "x = 1\n")
    assert package('"""Says what."""\n' + first + "# why\n", "x = 1\n") == before
    assert package(first, "x = 2\n") != before
    assert package(first.replace("f()", "g()"), "x = 1\n") != before


@pytest.mark.parametrize("line", ["from . import second", "from .second import x", "from some_plugin.second import x"])
def test_imports_are_followed_however_they_are_written(package: Callable[[str, str], str], line: str) -> None:
    assert package(f"{line}\n", "x = 1\n") != package(f"{line}\n", "x = 2\n")


def test_a_neighbour_of_a_loose_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "loose_model.py").write_text("import _loose_networks\n")
    digests = []
    for width in (1, 2):
        (tmp_path / "_loose_networks.py").write_text(f"width = {width}\n")
        identity.source_digest.cache_clear()
        digests.append(identity.source_digest("loose_model"))
    assert digests[0] != digests[1]


def test_an_edited_grid_draws_anew(toy_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    for factor in (1, 2):
        (tmp_path / "some_grid.py").write_text(
            "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Karras:\n    rho: float = 7.0\n"
            f"    def times(self, schedule, steps):\n        return {factor}\n"
        )
        sys.modules.pop("some_grid", None)
        identity.source_digest.cache_clear()
        found.append(ids(replace(toy_plan, grid=importlib.import_module("some_grid").Karras())))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]
    assert found[0][1] != ids(replace(toy_plan, grid=Karras()))[1]


def test_a_module_without_source_has_no_identity() -> None:
    with pytest.raises(ModuleNotFoundError, match="'some_plugin_that_is_not' cannot be found"):
        identity.source_digest("some_plugin_that_is_not")


def test_the_core_parts_that_a_plugin_uses_count_and_no_others(
    package: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    path = identity._path
    monkeypatch.setattr(identity, "_path", lambda name: seen.append(name) or path(name))
    package("from genbench import Generator\nfrom genbench.diffusion.grids import Karras\n", "")
    assert {"genbench.interfaces", "genbench.diffusion.grids"} <= set(seen)
    assert not {"genbench.training.loop", "genbench.cli", "genbench.metrics.kid"} & set(seen)
