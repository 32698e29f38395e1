"""What stands in which id, shown on the plan of a toy: M stages, S samples, T timing, R run, F features and C scores of
real images (those of generated ones follow from S); Y the family of a run, K that of its clock.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genbench.data.options import ImagesOptions
from genbench.diffusion.grids import Karras
from genbench.diffusion.guidance import ClassifierFree
from genbench.diffusion.schedules import Cosine
from genbench.discovery.plugins import load_plugins
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.budget import Budget
from genbench.registry import sources
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry, NoOptions
from genbench.reports.sweep import sweep_table
from genbench.running import identity
from genbench.running.benchmark import benchmark
from genbench.running.lookup import look_up
from genbench.running.now import identities
from genbench.running.plan import ExtractionPlan, Place, Plan
from genbench.running.tasks import ClassConditional
from genbench.store import provenance

Change = Callable[[Plan], Plan]


def value(kind: str, content: Any) -> Choice:
    return Choice(Entry(kind, "it", "a value", type(content), type(content), "genbench"), content)


def named(kind: str, name: str, options: Any = None) -> Choice:
    entry = load_plugins().registry.get(kind, name)
    return Choice(entry, entry.options() if options is None else options)


def ids(plan: Plan) -> dict[str, Any]:
    """Everything that the run of a plan is called, by letter."""
    asked, every = look_up(plan).ids, {name: known.id for name, known in identities(plan).items()}
    return {
        "M": {name: stage.id for name, stage in asked.stages.items()},
        "S": asked.samples.id,
        "T": asked.timing.id,
        "R": asked.run,
        "F": {name: id for name, id in every.items() if name.startswith("features/reference/")},
        "C": {name: id for name, id in every.items() if name.startswith("scores/held_out/")},
        "Y": asked.family,
        "K": asked.clock_family,
    }


def differing(before: dict[str, Any], after: dict[str, Any]) -> str:
    return "".join(letter for letter in before if before[letter] != after[letter])


# ------------------------------------------------------------------------------------------------------ what is asked


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: replace(p, training=replace(p.training, seed=1)), "MSTR"),
        (lambda p: replace(p, sampling=replace(p.sampling, seed=1)), "SR"),
        (lambda p: replace(p, training=replace(p.training, budget=Budget("steps", 7))), "MSTRYK"),
        (lambda p: replace(p, training=replace(p.training, precision="bf16-mixed")), "MSTRYK"),
        (lambda p: replace(p, model=replace(p.model, options=replace(p.model.options, ema=0.9))), "MSTRYK"),
        (lambda p: replace(p, task=value("task", ClassConditional())), "MSTRYK"),
        (lambda p: replace(p, schedule=value("schedule", Cosine())), "MSTRYK"),
        (lambda p: replace(p, sampler=value("sampler", OneShot(truncation=0.5))), "STRYK"),
        (lambda p: replace(p, grid=value("grid", Karras())), "STRYK"),
        (lambda p: replace(p, guidance=value("guidance", ClassifierFree())), "STRYK"),
        (lambda p: replace(p, sampling=replace(p.sampling, batch_size=50)), "STRYK"),
        (lambda p: replace(p, sampling=replace(p.sampling, dtype="float64")), "STRYK"),
        (lambda p: replace(p, sampling=replace(p.sampling, fast=True)), "STRYK"),
        (lambda p: replace(p, sampling=replace(p.sampling, num_samples=400)), "RY"),
        (lambda p: replace(p, threads=2), "TRK"),
        (lambda p: replace(p, timing=replace(p.timing, seconds=9.0)), "TRK"),
        (lambda p: replace(p, extraction=ExtractionPlan("cpu", 32)), "FC"),
        (lambda p: replace(p, training=replace(p.training, checkpoint_seconds=1.0)), ""),
        (lambda p: replace(p, quick=False), "R"),
        (lambda p: replace(p, place=Place("sweep", "command", 3, 8), objective="x"), ""),
        (lambda p: replace(p, results=Path("elsewhere")), ""),
        # The config makes the schedule of a Plan None for a model that uses none; what it said of it is in no hash.
        (lambda p: replace(p, config={**p.config, "schedule": {"name": "edm"}}, overrides=("schedule=edm",)), ""),
    ],
)
def test_what_a_change_makes_anew(toy_plan: Plan, change: Change, expected: str) -> None:
    assert differing(ids(toy_plan), ids(change(toy_plan))) == expected


def test_one_more_metric_in_another_order_changes_no_id_that_there_was(toy_plan: Plan) -> None:
    more = {"kid": named("metrics", "kid"), **toy_plan.metrics}
    before, after = ids(toy_plan), ids(replace(toy_plan, metrics=more))
    assert differing(before, after) == "C"
    assert before["C"].items() < after["C"].items()
    assert set(after["C"]) - set(before["C"]) == {"scores/held_out/pixels/kid"}


# -------------------------------------------------------------------------------------------------------- the machine


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`on(cpu=…, gpu=…, torch=…)`: from now on that is the machine."""

    def machine(**facts: Any) -> None:
        usual = {"cpu": "one processor", "cores": 2, "torch": "2.0"}
        monkeypatch.setattr(
            provenance, "_hardware", lambda device: {**usual, **facts, "device": device.partition(":")[0]}
        )

    machine()
    return machine


@pytest.mark.parametrize("facts", [{"cpu": "another"}, {"gpu": "another"}, {"torch": "3.0"}, {"cores": 96}])
def test_another_machine_is_another_timing_of_the_same_family(
    toy_plan: Plan, on: Callable[..., None], facts: dict[str, Any]
) -> None:
    before = ids(toy_plan)
    on(**facts)
    assert differing(before, ids(toy_plan)) == "TRK"


def test_a_model_is_the_same_on_every_device_and_its_images_are_not(toy_plan: Plan, on: Callable[..., None]) -> None:
    """So a model that was trained on one is drawn and timed on another."""
    on_cpu = ids(toy_plan)
    on(gpu="a GPU")
    on_gpu, on_another = (look_up(replace(toy_plan, device=device)).ids for device in ("cuda", "cuda:1"))
    assert {name: stage.id for name, stage in on_gpu.stages.items()} == on_cpu["M"]
    assert on_gpu.samples.id == on_another.samples.id != on_cpu["S"]
    assert on_gpu.timing.id == on_another.timing.id != on_cpu["T"]


def test_two_machines_are_one_row_of_quality_and_two_of_cost(toy_plan: Plan, on: Callable[..., None]) -> None:
    """By two real runs, of which the second finds everything but its timing."""
    plan = replace(toy_plan, quick=False)
    records = []
    for machine in ("one processor", "another"):
        on(cpu=machine)
        outcome = benchmark(plan)
        assert outcome is not None
        records.append(outcome.record)
    assert [record.status for record in records] == ["done", "done"]
    assert records[0].family == records[1].family
    assert records[0].run_id != records[1].run_id
    made = {artifact.kind for artifact in records[1].artifacts if not artifact.reused}
    assert made == {"timings"}
    sections = sweep_table(records).sections
    quality = [row for section in sections if " n = 300" in section.title for row in section.rows]
    assert [row.label for row in quality if row.role == "model"] == ["toy"]
    costs = [section for section in sections if " cost " in section.title]
    assert [section.title.partition("cost on ")[2].partition(",")[0] for section in costs] == [
        "one processor",
        "another",
    ]
    assert [[row.label for row in section.rows] for section in costs] == [["toy"], ["toy"]]


# ---------------------------------------------------------------------------------------------------------- libraries


LEARNER = """
import scipy.special
from {module} import ToyStage, Toy
from genbench import StagePlan

class ScientificStage(ToyStage):
    def step(self, batch, update):
        scipy.special.expit(0.0)
        return super().step(batch, update)

class Scientific(Toy):
    @classmethod
    def plan(cls, config, data):
        return (StagePlan("toy", ScientificStage),)
"""
EXTRACTOR = """
import scipy.ndimage
import torch
from genbench import FeatureExtractor

class Smooth(FeatureExtractor):
    name = "smooth"
    def __init__(self, options):
        pass
    def extract(self, images):
        smooth = scipy.ndimage.gaussian_filter(images.numpy().astype("float32"), (0, 0, 1, 1))
        return {"features": torch.from_numpy(smooth).flatten(1)}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """`module(name, content)`: import a file of this content from a folder of its own."""
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    names: list[str] = []

    def write(name: str, content: str) -> Any:
        names.append(name)
        (tmp_path / "modules").mkdir(exist_ok=True)
        (tmp_path / "modules" / f"{name}.py").write_text(content)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def scipy_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`scipy_is("9.9")`: from now on that version is installed."""
    real = sources.version

    def install(version: str) -> None:
        monkeypatch.setattr(sources, "version", lambda name: version if name == "scipy" else real(name))

    return install


def test_another_version_of_a_library_that_an_extractor_imports_is_other_features(
    toy_plan: Plan, module: Callable[[str, str], Any], scipy_is: Callable[[str], None]
) -> None:
    extractor = Entry("features", "smooth", "s", module("smooth_features", EXTRACTOR).Smooth, NoOptions, "smooth")
    plan = replace(toy_plan, features={**toy_plan.features, "smooth": Choice(extractor, NoOptions())})
    scipy_is("1.0")
    before = ids(plan)
    scipy_is("2.0")
    after = ids(plan)
    assert differing(before, after) == "FC"
    for letter in "FC":
        changed = {name for name in before[letter] if before[letter][name] != after[letter][name]}
        assert changed == {name for name in before[letter] if "smooth" in name}


def test_another_version_of_a_library_that_a_learner_imports_is_a_note(
    toy_plan: Plan,
    toy: type[Any],
    module: Callable[[str, str], Any],
    scipy_is: Callable[[str], None],
) -> None:
    model = module("scientific_model", LEARNER.format(module=toy.__module__)).Scientific
    plan = replace(toy_plan, model=replace(toy_plan.model, entry=replace(toy_plan.model.entry, target=model)))
    known, records = [], []
    for seed, version in enumerate(("1.0", "2.0")):
        scipy_is(version)
        known.append(ids(plan))
        outcome = benchmark(replace(plan, training=replace(plan.training, seed=seed)))
        assert outcome is not None
        records.append(outcome.record)
    assert [record.status for record in records] == ["done", "done"], records[0].reason
    assert records[0].family == records[1].family
    assert known[0] == known[1]
    assert identity.learner_libraries(plan, look_up(plan).spec)["scipy"] == "2.0"
    assert "made with different versions of scipy: 1.0 (toy); 2.0 (toy)" in sweep_table(records).notes


# --------------------------------------------------------------------------------------------------------------- data


def test_data_that_changes_under_one_path_changes_everything(toy_plan: Plan, tmp_path: Path) -> None:
    """In one process, in which the data set was loaded before; back again, everything is as it was."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (31, 8, 8)).astype(np.uint8)
    for i, image in enumerate(images[:30]):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    plan = replace(toy_plan, dataset=named("dataset", "image_folder", ImagesOptions(str(folder), held_out=10)))
    before, again = ids(plan), ids(plan)
    assert before == again
    file = folder / "07.png"
    content, times = file.read_bytes(), file.stat()
    Image.fromarray(images[30]).save(file)
    assert differing(before, ids(plan)) == "MSTRFCYK"
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert ids(plan) == before


TOLD = """
import json
from genbench.config.commandline import parse
from genbench.config.entry import prepare
from genbench.running.lookup import look_up
(plan,) = prepare(parse(["model=gan", "device=cpu"]), "sweep", "command").plans
ids = look_up(plan).ids
told = json.dumps([ids.run, ids.family, ids.clock_family, {name: stage.id for name, stage in ids.stages.items()}])
"""


def test_another_process_gives_the_same_ids() -> None:
    """Nothing in them hangs on the order of a set or on an address."""
    here: dict[str, str] = {}
    exec(TOLD, here)
    environment = {**os.environ, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", f"{TOLD}\nprint(told)"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.strip() == here["told"], done.stderr
