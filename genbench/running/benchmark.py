"""One run, top to bottom: config -> dataset -> model -> images and clock -> features -> metrics -> record."""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
import yaml

from genbench.discovery.plugins import load_plugins
from genbench.drawing.devices import claim, resolve_device
from genbench.errors import DivergedError
from genbench.images import save_grid
from genbench.interfaces.data import Dataset
from genbench.measuring.evaluator import Evaluator, real_images
from genbench.running import identity
from genbench.running.artifacts import Steps
from genbench.running.model import Model
from genbench.running.plan import Choice, Plan
from genbench.running.progress import Narrator
from genbench.store.artifacts import Store
from genbench.store.provenance import device_name, provenance
from genbench.store.records import (
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    RecordError,
    RunRecord,
    SamplerRecord,
    SamplingRecord,
    Status,
    TrainingRecord,
    read_record,
    write_record,
)


@dataclass(frozen=True)
class Outcome:
    """A run's record, and whether it was answered from the store."""

    record: RunRecord
    reused: bool


class RefusedError(ValueError):
    """The dataset or the device that the plan names cannot be had: there is no run to record."""


def benchmark(plan: Plan, command: str, label: str = "", live: bool = True) -> Outcome:
    """Do what the plan asks, or find it done. What goes wrong inside the run is in its record, not raised.

    `label` begins each line that is said (default: the model's name). `live` shows a progress bar on a terminal: not
    where several jobs share it. Raises RefusedError.
    """
    torch.set_num_threads(plan.threads)
    try:
        plan = replace(plan, device=resolve_device(plan.device))
        dataset = _load(plan.dataset)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    ids = identity.run_ids(plan, dataset.fingerprint)
    store = Store(plan.results)
    run_id = f"{plan.model.entry.name}-{dataset.name}-s{plan.seed}-{ids.run[:8]}"
    path = plan.results / run_id / "result.json"
    try:
        if path.exists() and _final(record := read_record(path)):
            return Outcome(record, reused=True)
    except RecordError as error:
        raise RefusedError(f"{error} (move the file away to compute the run anew)") from error
    folder = store.run_dir(run_id)
    (folder / "config.yaml").write_text(yaml.safe_dump(plan.config, sort_keys=False))
    empty = _empty_record(plan, dataset, ids, run_id, command)
    with Narrator(label or plan.model.entry.name, folder / "run.log", live) as narrator:
        try:
            with claim(plan.device) as device:
                own = replace(plan, device=device)
                record = _run(own, dataset, replace(store, say=narrator.say), ids, empty, narrator)
        except (Exception, SystemExit) as error:  # a plugin that exits ends its own run, not the sweep
            with suppress(OSError):  # a full disk must not hide the reason
                narrator.note(traceback.format_exc())
            status = Status.DIVERGED if isinstance(error, DivergedError) else Status.FAILED
            record = replace(empty, status=status, reason=f"{type(error).__name__}: {error}")
            narrator.say(f"{record.status.value}: {record.reason}")
    if record.status is not Status.DONE and path.exists() and (other := read_record(path)).status is Status.DONE:
        return Outcome(other, reused=True)  # another sweep finished it meanwhile
    write_record(path, record)
    return Outcome(record, reused=False)


def _run(
    plan: Plan, dataset: Dataset, store: Store, ids: identity.RunIds, empty: RunRecord, narrator: Narrator
) -> RunRecord:
    if reason := _incompatible(plan, dataset):
        narrator.say(f"incompatible: {reason}")
        return replace(empty, status=Status.INCOMPATIBLE, reason=reason)

    # Extractors first: weights that are missing should be known before hours of training.
    evaluator = Evaluator(store, plan.features, plan.metrics, real_images(dataset, "train"), narrator.note)
    for name, extractor in evaluator.extractors.items():
        if extractor.domain not in ("", dataset.name):
            narrator.say(f"features={name} are made for {extractor.domain}: on {dataset.name} they say little")
    model = Model(plan, dataset, store, ids.model, narrator)
    steps = Steps(plan, dataset, store, ids, model, narrator)
    log, trained_before = model.train()
    narrator.say(f"trained in {log['seconds']:.0f} s{_before(trained_before)}")

    drawn = steps.draw()
    if not (grid := plan.results / empty.run_id / "samples.png").exists():
        save_grid(drawn.images.load(), grid, caption=f"{empty.model.name} on {dataset.name}, seed {plan.seed}")
    narrator.say(f"drew {plan.sampling.num_samples} images{_before(drawn.reused)}")

    timing, timed_before = steps.time()
    narrator.say(f"timed: {timing['images_per_second']:.3g} images/s{_before(timed_before)}")

    metrics, at_floor, references = steps.score(evaluator, drawn.images)
    narrator.say("scored")

    return replace(
        empty,
        status=Status.DONE,
        reason=None,
        model=replace(empty.model, id=ids.model, parameters=timing.pop("parameters")),
        features=tuple(
            FeaturesRecord(name=name, fingerprint=extractor.fingerprint)
            for name, extractor in evaluator.extractors.items()
        ),
        metrics=metrics,
        metrics_at_floor=at_floor,
        references=references,
        training=TrainingRecord(**{key: log[key] for key in ("seconds", "steps", "images")}, reused=trained_before),
        sampling=SamplingRecord(
            num_samples=plan.sampling.num_samples,
            draw_seconds=drawn.seconds,
            dtype=plan.sampling.dtype,
            threads=plan.threads,
            device=device_name(plan.device),
            reused=timed_before,
            **timing,
        ),
    )


_LOADED: dict[str, Dataset] = {}
"""The last dataset: the jobs of a sweep mostly share one, and large ones take long to read."""


def _load(choice: Choice) -> Dataset:
    key = f"{choice.entry.name} {choice.options}"
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = choice.build()
    return _LOADED[key]


def _final(record: RunRecord) -> bool:
    """A finished run; but one whose timing others disturbed is worth another look at the clock, unless it is a toy."""
    disturbed = record.sampling is not None and record.sampling.contended and not record.quick
    return record.status is Status.DONE and not disturbed


def _before(reused: bool) -> str:
    return " (from the store)" if reused else ""


def _incompatible(plan: Plan, dataset: Dataset) -> str | None:
    """The reason why this combination cannot work, asked before any training."""
    if reason := plan.task.unsupported(dataset):
        return reason
    spec = replace(dataset.spec, conditions=plan.task.conditions)
    reason = plan.model.entry.load().unsupported(plan.model.options, spec, plan.sampler, plan.guidance)  # type: ignore[attr-defined]
    return str(reason) if reason else None


def _empty_record(plan: Plan, dataset: Dataset, ids: identity.RunIds, run_id: str, command: str) -> RunRecord:
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
        artifacts=ArtifactIds(model=ids.model, samples=ids.samples, timing=ids.timing),
    )
