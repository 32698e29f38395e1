"""Inpainting and captions, brought by a pip-installed distribution outside the tree that imports public names only."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genbench
from genbench.drawing.requests import Requests
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, Dataset
from genbench.interfaces.tasks import Task
from genbench.measuring.evidence import Common, Later, Row, RowEvidence
from genbench.reports.sweep import sweep_table
from genbench.store.artifacts import Store
from genbench.store.records import RunRecord, Status
from genbench.training.seeding import stage_seed
from genbench.training.view import SplitView

ROOT = Path(__file__).parents[2]
SOURCES = sorted(Path(__file__).with_name("distribution").rglob("genbench_proof/**/*.py"))
COUNT, SIDE = 80, 3
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Swept:
    """What `genbench run -m experiment=proof` left and said; and the distribution, imported from where pip put it."""

    results: Path
    done: subprocess.CompletedProcess[str]
    records: tuple[RunRecord, ...]
    task_classes: Mapping[str, type[Any]]
    metric_classes: Mapping[str, type[Any]]
    dataset: Dataset

    def task(self, record: RunRecord) -> Task:
        assert record.task is not None
        task: Task = self.task_classes[record.task.name](**record.task.options)
        return task

    def requests(self, record: RunRecord, seed: int = 0) -> Requests:
        return Requests(self.dataset, self.task(record), seed, CPU)


@pytest.fixture(scope="module")
def swept(site: Path, python: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    folder = tmp_path_factory.mktemp("swept")
    done = python("-m", "genbench", "run", "-m", "experiment=proof", cwd=folder, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        from genbench_proof import TilesOptions, metrics, tasks, tiles

        assert Path(tasks.__file__).is_relative_to(site)
        yield Swept(
            folder / "results",
            done,
            genbench.load(folder / "results").records,
            {"inpainting": tasks.Inpainting, "captions": tasks.Captions},
            {"hidden_error": metrics.HiddenError, "agreement": metrics.Agreement},
            tiles.load(TilesOptions()),
        )
    for name in [name for name in sys.modules if name.partition(".")[0] == "genbench_proof"]:
        del sys.modules[name]


def filler(swept: Swept, budget: str = "steps:300") -> RunRecord:
    return next(run for run in swept.records if run.name == "filler" and run.config["model"]["budget"] == budget)


def painter(swept: Swept) -> RunRecord:
    return next(run for run in swept.records if run.name == "painter")


def measured(swept: Swept, name: str, row: Row) -> Any:
    """A metric of the distribution, of one row: its measurement and its arrays."""
    metric = swept.metric_classes[name]()
    evidence = RowEvidence(Common(swept.dataset.spec), row, metric.reads)
    assert metric.unsupported(evidence) is None
    score = metric.measure(evidence)
    return score.measurements[name], score.arrays[name]


def asked(columns: Mapping[str, Column]) -> Later[Mapping[str, Column]]:
    return Later("requests", lambda: columns)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_imports_public_names_only(path: Path) -> None:
    """By the rule for plugins in test_layering.py."""
    rule = runpy.run_path(str(ROOT / "tests" / "test_layering.py"))
    for name in rule["imports"](path, True):
        top, _, rest = name.partition(".")
        assert not top.startswith("genbench_") or top == "genbench_proof", name
        if top == "genbench" and rest:
            assert any(rest == public or rest.startswith(f"{public}.") for public in rule["PUBLIC"]), name
    rule["test_plugins_take_only_exported_names_from_the_top"](path)


def test_every_run_is_done_and_nothing_is_left_out(swept: Swept) -> None:
    assert [(run.name, run.status, run.left_out) for run in swept.records] == [
        ("filler", Status.DONE, {}),
        ("filler", Status.DONE, {}),
        ("painter", Status.DONE, {}),
    ]
    for run in swept.records:
        assert run.model is not None
        assert (run.model.plugin, run.model.plugin_version) == ("proof", "0.1.0")
        assert run.images is not None
        assert (run.images.count, run.reference and run.reference.name) == (COUNT, "held_out")


def test_tasks_bring_their_metrics_and_runs_their_rows(swept: Swept) -> None:
    """The preset asks for the Fréchet distance alone."""
    here, there = filler(swept), painter(swept)
    assert list(here.metrics) == ["frechet_distance", "hidden_error"]
    assert list(there.metrics) == ["frechet_distance", "agreement"]
    assert here.measures["hidden_error"].direction == "lower"
    assert there.measures["agreement"].kind == "alignment"
    rows = {name: set(row) for name, row in here.rows.items()}
    distance, error = {"pixels/frechet_distance"}, {"hidden_error"}
    assert rows == {
        "generated": distance | error,
        "before pasting": distance | error,  # drawn with the same requests
        "training images": distance,
        "noise": distance,
    }
    assert {name: set(row) for name, row in there.rows.items()} == {
        "generated": distance | {"agreement"},
        "training images": distance,
        "noise": distance,
    }


def test_the_model_uses_what_it_is_shown(swept: Swept) -> None:
    rows, untrained = filler(swept).rows, filler(swept, "steps:1").rows
    assert rows["generated"]["hidden_error"].value < untrained["generated"]["hidden_error"].value / 50
    distance = {name: row["pixels/frechet_distance"].value for name, row in rows.items()}
    assert distance["generated"] < distance["before pasting"] < distance["noise"]


def test_known_pixels_stand_in_the_images_and_not_in_those_before_pasting(swept: Swept, drawn: Any) -> None:
    record = filler(swept)
    columns = swept.requests(record).columns(0, COUNT)
    known, hidden = torch.as_tensor(columns["known"]), torch.as_tensor(columns["hidden"])
    assert (hidden.flatten(1).sum(1) == SIDE**2).all()
    images = {name: torch.from_numpy(np.array(values)) for name, values in drawn(swept.results, record).items()}
    assert torch.equal(images["images"] * ~hidden, known)
    assert not torch.equal(images["before pasting"] * ~hidden, known)
    assert torch.equal(images["images"] * hidden, images["before pasting"] * hidden)


def test_pairs_are_the_originals_of_the_requests(swept: Swept, drawn: Any) -> None:
    """The error of the record, by hand; none for the originals, and much for those of the next request."""
    record, split = filler(swept), swept.dataset.splits["held_out"]
    originals = split.take(torch.arange(COUNT) % len(split))
    columns = swept.requests(record).columns(0, COUNT)
    hidden = np.asarray(columns["hidden"])
    images = drawn(swept.results, record)["images"]
    by_hand = np.mean(np.square(images.astype(float) - originals.numpy())[hidden])
    assert record.rows["generated"]["hidden_error"].value == pytest.approx(by_hand, rel=1e-12)
    score = next(each for each in record.artifacts if each.key == "scores/generated/hidden_error")
    assert Store(swept.results).read_arrays(score.id)["hidden_error"].mean() == pytest.approx(by_hand, rel=1e-6)
    errors = {}
    for shift in (0, 1):
        pairs = ArrayImages("pairs", originals.roll(shift, 0))
        right, values = measured(swept, "hidden_error", Row(ArrayImages("i", originals), asked(columns), pairs))
        errors[shift] = right.value
        assert len(values) == COUNT
    assert errors[0] == 0
    assert errors[1] > 1000


def test_holes_are_drawn_anew_for_each_batch(swept: Swept) -> None:
    task, train = swept.task(filler(swept)), swept.dataset.splits["train"]
    spec = genbench.DataSpec(1, 8, 8, conditions=task.conditions(swept.dataset.spec))
    view, indices = SplitView(train, spec, CPU, task), torch.zeros(16, dtype=torch.int64)
    holes = []
    for step in (0, 1, 0):
        generator = torch.Generator().manual_seed(stage_seed(0, "filling", step, 0, 0))
        holes.append(torch.as_tensor(view.conditions(train.take(indices), indices, generator)["hidden"]))
    assert torch.equal(holes[0], holes[2])
    assert not torch.equal(holes[0], holes[1])
    assert len(holes[0].unique(dim=0)) > 5  # of one image, in one batch


def test_the_hole_of_a_request_follows_from_its_key(swept: Swept) -> None:
    record = filler(swept)
    requests = swept.requests(record)
    whole = torch.as_tensor(requests.columns(0, COUNT)["hidden"])
    for start, size in ((0, 1), (40, 40), (79, 1)):
        assert torch.equal(
            torch.as_tensor(requests.batch(start, size).conditions["hidden"]), whole[start : start + size]
        )
    assert len(whole.unique(dim=0)) > 20
    another = torch.as_tensor(swept.requests(record, seed=1).columns(0, COUNT)["hidden"])
    assert not torch.equal(another, whole)


def test_captions_stay_texts_from_the_data_to_the_request(swept: Swept) -> None:
    """The model's own step and runner raise for anything else."""
    task, train = swept.task(painter(swept)), swept.dataset.splits["train"]
    spec = genbench.DataSpec(1, 8, 8, conditions=task.conditions(swept.dataset.spec))
    indices = torch.tensor([3, 1, 3])
    shown = SplitView(train, spec, CPU, task).conditions(train.take(indices), indices, torch.Generator())
    assert shown["caption"] == [train.columns["caption"][i] for i in indices.tolist()]
    batch = swept.requests(painter(swept)).batch(60, 8)
    captions = swept.dataset.splits["held_out"].columns["caption"]
    assert batch.conditions["caption"] == tuple(captions[i % len(captions)] for i in range(60, 68))


def test_a_metric_that_reads_captions_fails_where_they_are_shuffled_by_one(swept: Swept, drawn: Any) -> None:
    record = painter(swept)
    assert record.rows["generated"]["agreement"].value == 1
    images = ArrayImages("images", drawn(swept.results, record)["images"])
    captions = list(swept.requests(record).columns(0, COUNT)["caption"])
    right, _ = measured(swept, "agreement", Row(images, asked({"caption": captions})))
    shuffled, _ = measured(swept, "agreement", Row(images, asked({"caption": captions[1:] + captions[:1]})))
    assert right.value == 1
    assert shuffled.value < 0.6
    assert shuffled.value + 4 * shuffled.standard_error < 1


def test_the_report_needs_nothing_of_it(swept: Swept, python: Callable[..., Any]) -> None:
    """The distribution is not there: same columns, headings and ranks."""
    code = (
        "import importlib.util, sys\n"
        "assert importlib.util.find_spec('genbench_proof') is None\n"
        "sys.modules['genbench.metrics.frechet'] = None\n"
        "from genbench.cli import main\nmain(['report'])"
    )
    done = python("-c", code, cwd=swept.results.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == swept.done.stdout
    quality = sweep_table(swept.records).sections[0]
    assert quality.headings == (("FD(pixels)", "↓"), ("hidden MSE", "↓"), ("agreement", "↑"))
    errors = {row.details: row.cells[1] for row in quality.rows if row.label == "filler"}
    assert errors["budget steps:300",].best
    assert not errors["budget steps:1",].best
    assert next(row.cells[2].text for row in quality.rows if row.label == "painter") == "1"
