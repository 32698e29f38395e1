"""A model that is a file: no weights in the store, its own schedule, and images that are never drawn twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genbench
from genbench.diffusion.schedules import EDM, Cosine
from genbench.drawing.noise import normal
from genbench.drawing.seeds import image_keys
from genbench.store.records import RunRecord, Status

BATCH, STEPS = 20, 2
SHAPE = (1, 8, 8)
MEAN = np.linspace(-0.5, 0.5, 64, dtype=np.float32).reshape(SHAPE)
DEVIATION = 0.4


@dataclass
class Bench:
    """A results folder, a file of weights beside it, and runs of the model that is in the file."""

    folder: Path
    runs: dict[str, RunRecord] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def weights(self) -> Path:
        return self.folder / "weights.npz"

    def write(self, schedule: str, mean: np.ndarray = MEAN) -> None:
        np.savez(self.weights, mean=mean, deviation=np.float32(DEVIATION), schedule=schedule)

    def words(self) -> dict[str, Any]:
        return {
            "model": {"weights": self.weights},
            "features": ("pixels",),
            "metrics": ("frechet_distance",),
            "sampling": {"num_samples": 2 * BATCH, "batch_size": BATCH, "steps": STEPS},
            "timing": {"repetitions": 1, "seconds": 0.01},
            "results": self.results,
        }

    def run(self, **options: Any) -> tuple[RunRecord, int]:
        """The record of a run, and how many batches were drawn to be kept for it."""
        kept = sys.modules["pretrained.model"].KEPT if "pretrained.model" in sys.modules else []
        before = len(kept)
        (record,) = genbench.run("model=pretrained", **{**self.words(), **options}).records
        return record, len(sys.modules["pretrained.model"].KEPT) - before


@pytest.fixture(scope="module")
def bench(with_plugins: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """With one run of each of two files that stood under one path, one after the other."""
    with_plugins(Path(__file__).with_name("plugins"))
    bench = Bench(tmp_path_factory.mktemp("pretrained"))
    bench.write("cosine")
    bench.runs["cosine"], drawn = bench.run()
    assert drawn == 2
    bench.write("edm")
    bench.runs["edm"], drawn = bench.run()
    assert drawn == 2
    return bench


def samples(record: RunRecord) -> str:
    (id,) = [artifact.id for artifact in record.artifacts if artifact.kind == "samples"]
    return id


def test_the_record_has_a_model_without_stages(bench: Bench) -> None:
    record = bench.runs["edm"]
    assert (record.status, record.left_out) == (Status.DONE, {})
    assert record.model is not None
    assert record.model.stages == ()
    assert record.model.fingerprint == genbench.files_digest([bench.weights])
    assert record.values == {}
    assert not [name for name in record.costs if name.startswith("training")]
    assert record.costs["nfe"].value == STEPS


def test_the_store_holds_no_weights(bench: Bench) -> None:
    assert not (bench.results / "artifacts" / "stages").exists()
    kinds = {path.name for path in (bench.results / "artifacts").iterdir()}
    assert kinds == {"samples", "features", "scores", "timings", "locks"}
    for path in bench.results.rglob("*"):
        assert path.is_dir() or MEAN.tobytes() not in path.read_bytes(), path


def test_the_file_replaced_under_one_path_is_another_model(bench: Bench) -> None:
    """Of equal size, too."""
    one, other = bench.runs["cosine"], bench.runs["edm"]
    assert samples(one) != samples(other)
    assert one.run_id != other.run_id
    assert one.family != other.family
    assert one.timing is not None
    assert other.timing is not None
    assert one.timing.id != other.timing.id


@pytest.mark.parametrize(("name", "schedule"), [("cosine", Cosine()), ("edm", EDM())])
def test_the_models_own_schedule_is_used(bench: Bench, drawn: Any, name: str, schedule: Any) -> None:
    """DDIM by hand, with the posterior mean of a Gaussian: the images to a byte. The other schedule's are others."""
    times = np.linspace(1, 0, STEPS + 1)
    alpha, sigma = schedule.alpha_sigma(times)
    x = sigma[0] * normal(image_keys(0, 0, 2 * BATCH), 0, SHAPE, torch.float64).numpy()
    for i in range(STEPS):
        total = alpha[i] ** 2 * DEVIATION**2 + sigma[i] ** 2
        x0 = MEAN + alpha[i] * DEVIATION**2 / total * (x - alpha[i] * MEAN)
        x = x0 if i == STEPS - 1 else alpha[i + 1] * x0 + sigma[i + 1] * (x - alpha[i] * x0) / sigma[i]
    images = drawn(bench.results, bench.runs[name])["images"]
    expected = np.rint((x.clip(-1, 1) + 1) * 127.5)
    assert np.abs(images - expected).max() <= 1
    other = drawn(bench.results, bench.runs["edm" if name == "cosine" else "cosine"])["images"]
    assert np.abs(other - expected).max() > 5


def test_a_schedule_beside_it_is_refused(bench: Bench, typed: Any) -> None:
    words = ["run", "model=pretrained", f"model.weights={bench.weights}", f"results={bench.results}", "schedule=edm"]
    code, _, said = typed(*words)
    assert code == 2
    (line,) = said.splitlines()
    assert "schedule=edm: model=pretrained uses no schedule; leave it out" in line


def test_a_deleted_file_is_one_line_before_any_work(bench: Bench, typed: Any, tmp_path: Path) -> None:
    gone, results = tmp_path / "gone.npz", tmp_path / "results"
    code, said, errors = typed("run", "model=pretrained", f"model.weights={gone}", f"results={results}")
    assert (code, said) == (2, "")
    beginning, line = errors.splitlines()
    assert beginning == "[pretrained] preparing"
    assert line == f"genbench: model.weights={gone}: there is no such file"
    assert not results.exists()


def test_more_images_are_drawn_beside_those_that_are_there(bench: Bench, drawn: Any) -> None:
    few = bench.runs["edm"]
    many, batches = bench.run(sampling={"num_samples": 5 * BATCH - 7, "batch_size": BATCH, "steps": STEPS})
    assert batches == 3
    assert samples(many) == samples(few)
    assert many.run_id != few.run_id
    assert many.images is not None
    assert many.images.count == 5 * BATCH - 7
    assert {m.n for m in many.rows["generated"].values()} == {5 * BATCH - 7}
    images = drawn(bench.results, many)["images"]
    assert len(images) == 5 * BATCH
    again, batches = bench.run(sampling={"num_samples": 3 * BATCH, "batch_size": BATCH, "steps": STEPS})
    assert batches == 0
    assert again.rows["generated"]["pixels/frechet_distance"].n == 3 * BATCH
    last, batches = bench.run()
    assert batches == 0
    assert (last.run_id, last.rows, last.costs["draw_seconds"]) == (few.run_id, few.rows, few.costs["draw_seconds"])


def test_further_metrics_and_extractors_are_added_without_drawing(bench: Bench) -> None:
    before = bench.runs["cosine"]
    bench.write("cosine")
    after, batches = bench.run(features=("pixels", "rows"), metrics=("frechet_distance", "kid", "brightness"))
    assert batches == 0
    assert after.run_id == before.run_id
    assert set(after.rows["generated"]) == {
        *("pixels/frechet_distance", "pixels/kid", "rows/frechet_distance", "rows/kid", "brightness"),
    }
    alone, batches = bench.run(metrics=("kid",))  # what another command asked for stays
    assert batches == 0
    assert alone.rows == after.rows
    assert alone.timing is not None
    assert before.timing is not None
    assert alone.timing.id == before.timing.id
    number = before.rows["generated"]["pixels/frechet_distance"]
    assert alone.rows["generated"]["pixels/frechet_distance"] == number
