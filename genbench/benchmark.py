"""One run, top to bottom: config -> dataset -> model -> images and clock -> features -> metrics -> record."""

from __future__ import annotations

import json
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from genbench import identity
from genbench.drawing.clock import parameters, time_runners
from genbench.drawing.devices import claim, resolve_device
from genbench.drawing.draw import draw_images
from genbench.drawing.requests import Requests
from genbench.errors import DivergedError
from genbench.evaluation import Evaluator, ImageSet, bits_per_dim, real_images, uniform_noise
from genbench.interfaces import Dataset, HasLikelihood, Measurement
from genbench.narrator import Narrator
from genbench.plan import Plan
from genbench.plugins import load_plugins
from genbench.reports.grid import save_grid
from genbench.store.artifacts import Store, clear_folder, write_json
from genbench.store.provenance import device_name, provenance
from genbench.store.records import (
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    SamplerRecord,
    SamplingRecord,
    Score,
    Scores,
    Status,
    TrainingRecord,
    read_record,
    write_record,
)
from genbench.trained import Model


@dataclass(frozen=True)
class Outcome:
    """A run's record, and whether it was answered from the store."""

    record: RunRecord
    reused: bool


class RefusedError(ValueError):
    """The dataset or the device that the plan names cannot be had: there is no run to record."""


def benchmark(plan: Plan, command: str, live: bool = True) -> Outcome:
    """Do what the plan asks, or find it done. What goes wrong inside the run is in its record, not raised.

    `live` shows a progress bar on a terminal: not where several jobs share it. Raises RefusedError.
    """
    torch.set_num_threads(plan.threads)
    try:
        plan = replace(plan, device=resolve_device(plan.device))
        dataset: Dataset = plan.dataset.build()
    except ValueError as error:
        raise RefusedError(str(error)) from error
    ids = identity.run_ids(plan, dataset.fingerprint)
    store = Store(plan.results)
    run_id = f"{plan.model.entry.name}-{dataset.name}-s{plan.seed}-{ids.run[:8]}"
    path = plan.results / run_id / "result.json"
    if path.exists() and (record := read_record(path)).status is Status.DONE:
        return Outcome(record, reused=True)
    folder = store.run_dir(run_id)
    (folder / "config.yaml").write_text(yaml.safe_dump(plan.config, sort_keys=False))
    empty = _empty_record(plan, dataset, run_id, command)
    with Narrator(_label(plan), folder / "run.log", live) as narrator:
        try:
            with claim(plan.device) as device:
                record = _run(replace(plan, device=device), dataset, store, ids, empty, narrator)
        except Exception as error:
            narrator.note(traceback.format_exc())
            status = Status.DIVERGED if isinstance(error, DivergedError) else Status.FAILED
            record = replace(empty, status=status, reason=f"{type(error).__name__}: {error}")
            narrator.say(f"{record.status.value}: {record.reason}")
    write_record(path, record)
    return Outcome(record, reused=False)


def _run(
    plan: Plan, dataset: Dataset, store: Store, ids: identity.RunIds, empty: RunRecord, narrator: Narrator
) -> RunRecord:
    if reason := _incompatible(plan, dataset):
        narrator.say(f"incompatible: {reason}")
        return replace(empty, status=Status.INCOMPATIBLE, reason=reason)

    model = Model(plan, dataset, store, ids.model, narrator)
    log, trained_before = model.train()
    narrator.say(f"trained in {log['seconds']:.0f} s" + (" (from the store)" if trained_before else ""))

    requests = Requests(dataset, plan.task, plan.sampling.seed, torch.device(plan.device))
    drawn = store.make("samples", ids.samples, lambda side: _draw(side, plan, model, requests, narrator))
    drawing = json.loads((drawn.path / "drawing.json").read_text())
    if not (grid := plan.results / empty.run_id / "samples.png").exists():
        save_grid(_load_images(drawn.path), grid, caption=f"{_label(plan)} on {dataset.name}, seed {plan.seed}")
    narrator.say(f"drew {plan.sampling.num_samples} images" + (" (from the store)" if drawn.reused else ""))

    timing, timed_before = store.make_json("timings", ids.timing, lambda: _time(plan, model, requests, narrator))
    narrator.say(f"timed: {timing['images_per_second']:.3g} images/s" + (" (from the store)" if timed_before else ""))

    samples = ImageSet(ids.samples, lambda: _load_images(drawn.path))
    metrics, at_floor, references, features = _score(plan, dataset, store, samples)
    metrics |= _likelihood(plan, dataset, store, model)
    narrator.say("scored")

    return replace(
        empty,
        status=Status.DONE,
        reason=None,
        model=replace(empty.model, id=ids.model, parameters=timing.pop("parameters")),
        features=features,
        metrics=metrics,
        metrics_at_floor=at_floor,
        references=references,
        training=TrainingRecord(**{key: log[key] for key in ("seconds", "steps", "images")}, reused=trained_before),
        sampling=SamplingRecord(
            num_samples=plan.sampling.num_samples,
            draw_seconds=drawing["seconds"],
            dtype=plan.sampling.dtype,
            threads=plan.threads,
            device=device_name(plan.device),
            reused=drawn.reused and timed_before,
            **timing,
        ),
        artifacts=ArtifactIds(model=ids.model, samples=ids.samples, timing=ids.timing),
    )


def _label(plan: Plan) -> str:
    return plan.model.entry.name


def _incompatible(plan: Plan, dataset: Dataset) -> str | None:
    """The reason why this combination cannot work, asked before any training."""
    if reason := plan.task.unsupported(dataset):
        return reason
    spec = replace(dataset.spec, conditions=plan.task.conditions)
    reason = plan.model.entry.load().unsupported(plan.model.options, spec, plan.sampler, plan.guidance)  # type: ignore[attr-defined]
    return str(reason) if reason else None


def _draw(side: Path, plan: Plan, model: Model, requests: Requests, narrator: Narrator) -> None:
    count, size = plan.sampling.num_samples, plan.sampling.batch_size
    runner = model.runner(size)
    drawn = draw_images(runner, requests, count, size, lambda done: narrator.progress("drawing", done, count))
    clear_folder(side)
    np.save(side / "images.npy", drawn.images.numpy())
    write_json(side / "drawing.json", {"seconds": drawn.seconds})


def _load_images(path: Path) -> Tensor:
    """uint8 [N, C, H, W]."""
    return torch.from_numpy(np.load(path / "images.npy"))


def _time(plan: Plan, model: Model, requests: Requests, narrator: Narrator) -> dict[str, Any]:
    size = plan.sampling.batch_size
    batched, single = model.runner(size), model.runner(1)
    narrator.say("timing (waits for other timings on this device)")
    timing = time_runners(batched, single, requests, size, plan.timing.repetitions, plan.timing.seconds, plan.threads)
    content = {key: value for key, value in asdict(timing).items() if key not in ("runs", "latency_runs")}
    return {**content, "prepare_seconds": model.prepare_seconds, "parameters": parameters(single)}


def _score(
    plan: Plan, dataset: Dataset, store: Store, samples: ImageSet
) -> tuple[Scores, Scores, dict[str, Scores], tuple[FeaturesRecord, ...]]:
    """Scores at n, the same at the held-out size, and of held-out images and noise: all against the training images."""
    evaluator = Evaluator(store, plan.features, plan.metrics, real_images(dataset, "train"))
    n = plan.sampling.num_samples
    floor = min(n, len(dataset.splits["held_out"]))
    references = {
        "held_out": evaluator.score(real_images(dataset, "held_out"), floor),
        "noise": evaluator.score(uniform_noise(dataset, n), n),
    }
    return (
        _scores(evaluator.score(samples, n)),
        _scores(evaluator.score(samples, floor)),
        {name: _scores(found) for name, found in references.items()},
        tuple(FeaturesRecord(name=name, fingerprint=e.fingerprint) for name, e in evaluator.extractors.items()),
    )


def _scores(measurements: dict[str, Measurement]) -> Scores:
    return {name: Score.of(measurement) for name, measurement in measurements.items()}


def _likelihood(plan: Plan, dataset: Dataset, store: Store, model: Model) -> Scores:
    """Bits per dimension of the held-out images, for models that can say."""
    if not issubclass(plan.model.entry.load(), HasLikelihood):  # type: ignore[arg-type]
        return {}

    def measure() -> dict[str, Any]:
        generator = model.generator()
        assert isinstance(generator, HasLikelihood)
        return asdict(Score.of(bits_per_dim(generator, dataset)))

    key = identity.digest(model=model.id, dataset=dataset.fingerprint, metric="bits_per_dim")
    content, _ = store.make_json("scores", key, measure)
    return {"model/bits_per_dim": Score(**content)}


def _empty_record(plan: Plan, dataset: Dataset, run_id: str, command: str) -> RunRecord:
    """What is known before any work."""
    entry = plan.model.entry
    sampler = {key: value for key, value in plan.config["sampler"].items() if key != "name"}
    found = provenance(plan.device, {"training": plan.training.seed, "sampling": plan.sampling.seed}, command)
    return RunRecord(
        run_id=run_id,
        status=Status.FAILED,
        reason="not finished",
        family=identity.family_id(plan, dataset.fingerprint),
        config=plan.config,
        quick=plan.quick,
        dataset=DatasetRecord(
            name=dataset.name,
            fingerprint=dataset.fingerprint,
            splits={name: len(split) for name, split in dataset.splits.items()},
            reference_split="train",
        ),
        model=ModelRecord(
            name=entry.name, plugin=entry.provider, plugin_version=load_plugins().version(entry.provider)
        ),
        sampler=SamplerRecord(name=plan.config["sampler"]["name"], options=sampler),
        provenance=ProvenanceRecord(**found),
    )
