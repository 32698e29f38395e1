"""What a run is written down as: the record before any work, and with what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from genbench.drawing.costs import CLOCK_MEASURES
from genbench.interfaces.data import Dataset, ImageSet
from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
from genbench.measuring.scores import Scores
from genbench.registry.choice import Choice
from genbench.running.artifacts import Drawn, Timed
from genbench.running.identity import RunIds, generator_class
from genbench.running.model import TrainedStage
from genbench.running.plan import Plan
from genbench.store.artifacts import Store
from genbench.store.digests import plain
from genbench.store.provenance import device_name, provenance
from genbench.store.records import (
    GENERATED,
    ArtifactRecord,
    ChoiceRecord,
    DatasetRecord,
    ImagesRecord,
    ModelRecord,
    OlderRecordError,
    RunRecord,
    StageRecord,
    Status,
    TimingRecord,
    read_record,
)

TRAINING_MEASURES = (
    MeasureInfo(name="training_seconds", heading="training", kind="cost", direction="lower", ranks=False, unit="s"),
    MeasureInfo(name="training_steps", heading="training steps", kind="cost", ranks=False, unit="steps"),
    MeasureInfo(name="training_images", heading="training images", kind="cost", ranks=False, unit="images"),
    MeasureInfo(name="draw_seconds", heading="drawing", kind="cost", ranks=False, unit="s"),
)
"""What training and drawing cost, besides what the clock measures."""
ONCE = "measured once"


@dataclass(frozen=True)
class Parts:
    """All that came of a run that is done."""

    stages: tuple[TrainedStage, ...]
    drawn: Drawn
    timed: Timed
    scored: Scores


def begun(
    plan: Plan, dataset: Dataset, reference: ImageSet, ids: RunIds, run_id: str, libraries: Mapping[str, str]
) -> RunRecord:
    """The record of a run that has not ended; it lists what the run would join, for it may go on from there.

    `libraries` are the versions of what the model's learners import.
    """
    entry = plan.model.entry
    seeds = {"training": plan.training.seed, "sampling": plan.sampling.seed}
    return RunRecord(
        run_id=run_id,
        status=Status.FAILED,
        reason="not finished",
        family=ids.family,
        config=dict(plan.config),
        overrides=plan.overrides,
        quick=plan.quick,
        dataset=DatasetRecord(
            name=dataset.name,
            fingerprint=dataset.fingerprint,
            splits={name: len(split) for name, split in dataset.splits.items()},
        ),
        reference=images_record(reference, _split(dataset, reference)),
        model=ModelRecord(
            name=entry.name,
            plugin=entry.provider,
            plugin_version=_version(entry.provider),
            options=plain(plan.model.values()),
            stages=tuple(StageRecord(name=name, id=identity.id) for name, identity in ids.stages.items()),
            fingerprint=generator_class(plan).fingerprint(plan.model.options),
            libraries=dict(libraries),
        ),
        sampler=choice_record(plan.sampler),
        task=choice_record(plan.task),
        values={group: choice_record(choice) for group, choice in plan.values.items() if group != "sampler"},
        features={name: choice_record(choice) for name, choice in plan.features.items()},
        metrics={name: choice_record(choice) for name, choice in plan.metrics.items()},
        provenance=provenance(plan.device, seeds, plan.place.command),
        artifacts=(
            *(
                ArtifactRecord(kind="stages", id=identity.id, name=name, reused=False)
                for name, identity in ids.stages.items()
            ),
            ArtifactRecord(kind="samples", id=ids.samples.id, reused=False),
            ArtifactRecord(kind="timings", id=ids.timing.id, reused=False),
        ),
    )


def done(plan: Plan, record: RunRecord, store: Store, ids: RunIds, parts: Parts) -> RunRecord:
    """The record of the run with all that came of it: failed if it asked for metrics and got no number."""
    images, timed, scored = parts.drawn.sets["images"], parts.timed, parts.scored
    training = _training_costs(parts.stages, parts.drawn.seconds)
    reason = no_number(plan.metrics, scored)
    infos = (*CLOCK_MEASURES, *TRAINING_MEASURES, *scored.measures.values())
    return replace(
        record,
        status=Status.FAILED if reason else Status.DONE,
        reason=reason,
        images=images_record(images, f"images of {record.name}"),
        timing=TimingRecord(
            id=ids.timing.id,
            family=ids.clock_family,
            batch_size=plan.sampling.batch_size,
            dtype=plan.sampling.dtype,
            device=device_name(plan.device),
            threads=plan.threads,
            fast=timed.fast,
            sittings=timed.sittings,
        ),
        measures={info.name: info for info in infos},
        rows=dict(scored.rows),
        left_out=dict(scored.left_out),
        costs={**timed.measurements, **training},
        artifacts=(
            *(store.joined("stages", stage.id, stage.name, stage.reused) for stage in parts.stages),
            store.joined("samples", ids.samples.id, "", parts.drawn.reused),
            store.joined("timings", ids.timing.id, "", timed.reused),
            *scored.artifacts,
        ),
    )


def no_number(metrics: Mapping[str, Choice], scored: Scores) -> str | None:
    """Why a run that asked for metrics and got no number at all has failed; None for any other."""
    measured = any(measurement.value is not None for measurement in scored.rows[GENERATED].values())
    if measured or not metrics:
        return None
    return "no metric gave a number: " + "; ".join(f"{key}: {reason}" for key, reason in scored.left_out.items())


def record_before(path: Path) -> RunRecord | None:
    """The record that is there already; one of an earlier version is no record of this run. Raises RecordError."""
    try:
        return read_record(path) if path.exists() else None
    except OlderRecordError:
        return None


def choice_record(choice: Choice) -> ChoiceRecord:
    """A registered thing with its options."""
    return ChoiceRecord(name=choice.name, options=plain(choice.values()))


def _split(dataset: Dataset, images: ImageSet) -> str:
    """The name of the split that these images are from."""
    return next((name for name, split in dataset.splits.items() if split.id == images.id), "reference")


def _version(provider: str) -> str:
    """The installed version of a plugin, by the name of its entry point; "loose" for one that is not installed."""
    if provider == "genbench":
        return version("genbench")
    points = [point for point in entry_points(group="genbench") if point.name == provider and point.dist]
    return points[0].dist.version if points and points[0].dist else "loose"


def images_record(images: ImageSet, name: str) -> ImagesRecord:
    """Which images, under the name that tables show."""
    return ImagesRecord(id=images.id, first=images.first, count=images.count, name=name, shape=images.shape)


def _training_costs(stages: Iterable[TrainedStage], draw_seconds: float) -> dict[str, Measurement]:
    """What training all stages cost, whoever paid for it; nothing for a model that trains nothing."""
    every = list(stages)
    costs: Mapping[str, tuple[float, str]] = {
        "draw_seconds": (draw_seconds, "seconds of preparing, drawing and writing the images")
    }
    if every:
        costs = {
            "training_seconds": (sum(stage.seconds for stage in every), "seconds of training all stages"),
            "training_steps": (sum(stage.steps for stage in every), "optimisation steps of all stages"),
            "training_images": (sum(stage.images for stage in every), "training images seen by all stages"),
            **costs,
        }
    units: Mapping[str, Any] = {info.name: info.unit for info in TRAINING_MEASURES}
    return {
        name: Measurement(
            value=value,
            estimand=estimand,
            n=1,
            reason=ONCE if units[name] == "s" else EXACT,
            unit=units[name],
        )
        for name, (value, estimand) in costs.items()
    }
