"""The main road with a toy model: what is made once, what is made again, and how failures are recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genbench import benchmark as road
from genbench import steps
from genbench.autoregressive.samplers import Raster
from genbench.discovery.plugins import load_plugins
from genbench.drawing.one_shot import OneShot
from genbench.running.artifacts import Steps
from genbench.running.benchmark import benchmark
from genbench.running.plan import Choice, Plan, SamplingPlan
from genbench.store.records import Status, read_record


def artifacts(plan: Plan, kind: str) -> set[str]:
    return {path.name for path in (plan.results / "artifacts" / kind).glob("*")}


def options(plan: Plan, **changes: object) -> Plan:
    return replace(plan, model=replace(plan.model, options=replace(plan.model.options, **changes)))


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], None]:
    """Make a function of the road fail if it is called."""

    def forbid(owner: object, name: str) -> None:
        def called(*arguments: object) -> None:
            raise AssertionError(f"{name} was called again")

        monkeypatch.setattr(owner, name, called)

    return forbid


def test_a_run_leaves_a_valid_record_a_grid_a_log_and_its_config(toy_plan: Plan) -> None:
    outcome = benchmark(toy_plan, "genbench run model=toy")
    folder = toy_plan.results / outcome.record.run_id
    record = read_record(folder / "result.json")
    assert record == outcome.record
    assert record.status is Status.DONE
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "result.json", "samples.png", "run.log"}
    assert record.metrics["pixels/frechet_distance"].n == 300
    assert record.metrics_at_floor["pixels/frechet_distance"].n == 297
    assert record.references["held_out"]["pixels/frechet_distance"].n == 297
    assert record.references["noise"]["pixels/frechet_distance"].value > record.metrics["pixels/frechet_distance"].value
    assert record.sampling is not None
    assert record.sampling.nfe == 1
    assert record.sampling.flops_per_image == 2 * 64 * 64
    assert record.model.parameters == 64 + 64 * 64
    assert record.training is not None
    assert record.training.steps == 12
    assert record.provenance.seeds == {"training": 0, "sampling": 0}


def test_the_same_run_again_is_answered_from_the_store(toy_plan: Plan, forbid: Callable[[object, str], None]) -> None:
    first = benchmark(toy_plan, "once")
    forbid(road, "_run")
    again = benchmark(toy_plan, "twice")
    assert again.reused
    assert again.record == first.record


def test_another_metric_draws_and_times_nothing(toy_plan: Plan, forbid: Callable[[object, str], None]) -> None:
    benchmark(toy_plan, "")
    for name in ("_draw", "_time"):
        forbid(Steps, name)
    entry = load_plugins().registry.get("metrics", "kid")
    more = replace(toy_plan, metrics={**toy_plan.metrics, "kid": Choice(entry, entry.options())})
    record = benchmark(more, "").record
    assert record.status is Status.DONE
    assert {"pixels/frechet_distance", "pixels/kid"} == set(record.metrics)
    assert len(artifacts(toy_plan, "models")) == len(artifacts(toy_plan, "samples")) == 1


def test_another_sampler_trains_nothing(toy_plan: Plan) -> None:
    benchmark(toy_plan, "")
    record = benchmark(replace(toy_plan, sampler=OneShot(truncation=0.5)), "").record
    assert record.training is not None
    assert record.training.reused
    assert len(artifacts(toy_plan, "models")) == 1
    assert len(artifacts(toy_plan, "samples")) == 2


def test_a_sampling_replicate_trains_nothing_and_shares_no_image(toy_plan: Plan) -> None:
    first = benchmark(toy_plan, "").record
    other = benchmark(replace(toy_plan, sampling=replace(toy_plan.sampling, seed=1)), "").record
    assert other.family == first.family
    assert other.run_id != first.run_id
    assert len(artifacts(toy_plan, "models")) == 1
    images = [np.load(path / "images.npy") for path in (toy_plan.results / "artifacts" / "samples").iterdir()]
    assert not (images[0] == images[1]).all(axis=(1, 2, 3)).any()


def test_the_first_images_do_not_depend_on_how_many_are_drawn(toy_plan: Plan) -> None:
    benchmark(toy_plan, "")
    benchmark(replace(toy_plan, sampling=SamplingPlan(0, 120, 100, "float32")), "")
    few, many = sorted(
        (np.load(path / "images.npy") for path in (toy_plan.results / "artifacts" / "samples").iterdir()), key=len
    )
    assert (few == many[:120]).all()


@pytest.mark.parametrize(("fail", "status"), [("diverged", Status.DIVERGED), ("failed", Status.FAILED)])
def test_what_goes_wrong_is_recorded_and_tried_again(toy_plan: Plan, fail: str, status: Status) -> None:
    plan = options(toy_plan, fail=fail)
    outcome = benchmark(plan, "")
    assert outcome.record.status is status
    assert outcome.record.reason
    log = (plan.results / outcome.record.run_id / "run.log").read_text()
    assert "Traceback" in log
    assert not benchmark(plan, "").reused


def test_an_impossible_combination_is_refused_before_training(toy_plan: Plan) -> None:
    outcome = benchmark(replace(toy_plan, sampler=Raster()), "")
    assert outcome.record.status is Status.INCOMPATIBLE
    assert outcome.record.reason == "toy draws with sampler=one_shot only"
    assert not artifacts(toy_plan, "models")


def test_a_half_made_artifact_is_never_taken_for_a_whole_one(toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(path: Path, *arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(steps.np, "save", breaks)
    assert benchmark(toy_plan, "").record.status is Status.FAILED
    assert all(name.endswith(".partial") for name in artifacts(toy_plan, "samples"))
    monkeypatch.undo()
    assert benchmark(toy_plan, "").record.status is Status.DONE
