"""A folder of PNGs and the training split become a record without model, sampler and timing, beside a trained run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import genbench
from genbench.interfaces.measurement import Measurement
from genbench.metrics.frechet import frechet_distance
from genbench.reports.sweep import sweep_table
from genbench.store.records import RunRecord, Status, read_record
from genbench.store.typed_json import decode

COUNT = 60
METRICS = ("frechet_distance", "kid")


@dataclass(frozen=True)
class Beside:
    """A trained run and given images in one sweep."""

    results: Path
    sweep: str
    trained: RunRecord
    given: RunRecord
    images: torch.Tensor


@pytest.fixture(scope="module")
def beside(with_plugins: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with_plugins(Path(__file__).with_name("plugins"))
    folder = tmp_path_factory.mktemp("given")
    results = folder / "results"
    swept = genbench.run(
        model="gan",
        training__budget="steps:3",
        features=("pixels",),
        metrics=METRICS,
        tracking="remembering",
        sampling={"num_samples": COUNT, "batch_size": 30},
        timing={"repetitions": 1, "seconds": 0.01},
        results=results,
    )
    digits = genbench.dataset("digits")
    images = digits.splits["held_out"].read(100, 100 + COUNT)
    (folder / "photos").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[0].numpy()).save(folder / "photos" / f"{i:02}.png")
    given = genbench.evaluate(
        folder / "photos",
        digits.splits["train"],
        metrics=METRICS,
        tracking="remembering",
        sweep=swept.sweep.sweep_id,
        results=results,
    )
    yield Beside(results, swept.sweep.sweep_id, swept.records[0], given, images)
    sys.modules["beside"].MIRRORED.clear()


def test_it_is_a_record_of_images_alone(beside: Beside) -> None:
    record = beside.given
    assert record.status == Status.DONE
    assert (record.model, record.sampler, record.timing, record.task, record.costs) == (None, None, None, None, {})
    assert record.images is not None
    assert (record.images.name, record.images.count, record.images.first) == ("photos", COUNT, 0)
    assert {artifact.kind for artifact in record.artifacts} == {"features", "scores"}
    assert set(record.rows) == {"generated", "noise"}
    assert read_record(beside.results / record.run_id / "result.json") == record


def test_its_numbers_are_those_of_the_images(beside: Beside) -> None:
    reference = genbench.dataset("digits").splits["train"]
    x, y = ((images.float() / 127.5 - 1).flatten(1) for images in (beside.images, reference.read(0, len(reference))))
    value, _, _ = frechet_distance(x, y)
    assert beside.given.rows["generated"]["pixels/frechet_distance"].value == pytest.approx(value, rel=1e-5)


def test_it_stands_in_one_table_with_the_trained_run(beside: Beside) -> None:
    assert beside.trained.status == Status.DONE
    assert beside.trained.reference is not None
    assert beside.given.reference is not None
    assert beside.given.reference.id == beside.trained.reference.id
    loaded = genbench.load(beside.results, beside.sweep)
    assert loaded.records == (beside.trained, beside.given)
    quality, cost = sweep_table(loaded.records).sections
    labels = [row.label for row in quality.rows if row.role == "model"]
    assert labels == ["gan", "photos"]
    (best,) = [row.label for row in quality.rows if row.cells[0].best]
    assert best == "photos"
    assert [row.label for row in cost.rows] == ["gan"]


def test_both_are_mirrored_as_runs_of_the_sweep(beside: Beside) -> None:
    mirrored = sys.modules["beside"].MIRRORED
    assert mirrored == [(beside.sweep, beside.trained), (beside.sweep, beside.given)]


def measurements(content: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every object with a value and an estimand, and where it stands; and every number that is in none of them."""
    if isinstance(content, dict) and {"value", "estimand"} <= content.keys():
        yield place, content
    elif isinstance(content, dict | list):
        named = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in named:
            yield from measurements(value, (*place, str(name)))
    elif isinstance(content, float):
        yield place, content


ASKED_OR_ORIGIN = ("config", "options", "provenance", "made")
"""Settings, and where and how something was made: nothing that was measured of a run."""


def test_every_number_that_was_measured_is_a_measurement(beside: Beside) -> None:
    """But for the load of the machine while the clock was read, which a contended measurement is marked for."""
    for record in (beside.trained, beside.given):
        content = json.loads((beside.results / record.run_id / "result.json").read_text())
        kept = [(at, value) for at, value in measurements(content) if not set(at) & set(ASKED_OR_ORIGIN)]
        loose = [".".join(place) for place, value in kept if isinstance(value, float)]
        assert loose == (["timing.sittings.0.load"] if record.timing else [])
        found = {place[0] for place, value in kept if isinstance(value, dict)}
        assert found == ({"rows", "costs", "timing"} if record.timing else {"rows"})
        for place, value in kept:
            if isinstance(value, dict):
                assert isinstance(decode(Measurement, value, ".".join(place)), Measurement)


def test_one_more_metric_and_extractor_add_to_the_same_record(beside: Beside) -> None:
    folder = beside.results.parent / "photos"
    reference = genbench.dataset("digits").splits["train"]
    asked = {"features": ("rows",), "metrics": ("brightness", "kid"), "results": beside.results}
    more = genbench.evaluate(folder, reference, sweep=beside.sweep, **asked)
    assert more.run_id == beside.given.run_id
    row = more.rows["generated"]
    assert set(row) == {
        *("pixels/frechet_distance", "pixels/kid", "rows/frechet_distance", "rows/kid", "brightness"),
    }
    assert row["brightness"].value == pytest.approx(float(beside.images.double().mean()))
    for name, number in beside.given.rows["generated"].items():
        assert row[name] == number
    assert read_record(beside.results / more.run_id / "result.json") == more
    assert len(genbench.load(beside.results, beside.sweep).records) == 2


def test_prune_keeps_all_of_it_and_nothing_of_a_deleted_run(beside: Beside, typed: Any) -> None:
    artifacts = beside.results / "artifacts"

    def held() -> set[Path]:
        return {path for path in artifacts.glob("*/*") if path.parent.name != "locks"}

    before = held()
    code, said, _ = typed("runs", "--prune", "--yes", "--results", str(beside.results))
    assert (code, held()) == (0, before)
    assert "nothing to prune" in said
    given = beside.given.run_id
    alone = {(each.kind, each.id) for each in beside.given.artifacts} - {
        (each.kind, each.id) for each in beside.trained.artifacts
    }
    assert alone
    assert typed("runs", "delete", given, "--yes", "--results", str(beside.results))[0] == 0
    assert typed("runs", "--prune", "--yes", "--results", str(beside.results))[0] == 0
    left = {(path.parent.name, path.name.partition(".")[0]) for path in held()}
    assert not left & alone
    assert {(each.kind, each.id) for each in beside.trained.artifacts} <= left


def test_held_out_images_are_a_row_unless_they_are_the_reference(beside: Beside, tmp_path: Path) -> None:
    train, held_out = (genbench.dataset("digits").splits[name].part(0, COUNT) for name in ("train", "held_out"))
    rows = {
        name: set(genbench.evaluate(beside.images, real, held_out=held_out, metrics=METRICS, results=tmp_path).rows)
        for name, real in (("train", train), ("held_out", held_out))
    }
    assert rows["train"] == {"generated", "generated_at_held_out", "held_out", "noise"}
    assert rows["held_out"] == {"generated", "noise"}


def test_a_sweep_that_is_not_there_is_named_before_any_work(beside: Beside, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no sweep 'nowhere'"):
        genbench.evaluate(beside.images, beside.images, sweep="nowhere", results=tmp_path)
    assert not list(tmp_path.iterdir())
