"""Images that were made elsewhere, measured like those of a run: a record without model, sampler and timing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from genbench.interfaces.data import ImageSet
from genbench.interfaces.ranks import Alone
from genbench.measuring.evaluator import Evaluator
from genbench.measuring.evidence import Common, Row
from genbench.measuring.image_sets import NoiseImages, spec_of
from genbench.registry.choice import Choice
from genbench.running.describing import describe_with
from genbench.running.earlier import Catalogue, at_work, features_too, finished, metrics_too
from genbench.running.plan import ExtractionPlan
from genbench.running.progress import Progress
from genbench.running.recording import choice_record, images_record, no_number, record_before
from genbench.running.settings import settled
from genbench.store.artifacts import Store
from genbench.store.digests import digest
from genbench.store.provenance import provenance
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE, RunRecord, Status, write_record
from genbench.store.sweeps import Job, add_jobs, new_sweep_id, plan_sweep, read_sweep, update_job
from genbench.tracking.tracker import safely

NAME = re.compile(r"\w[\w .-]{0,80}")


@dataclass(frozen=True)
class Question:
    """Which images are measured, against which real ones, with what. `training` and `held_out` may be unknown."""

    name: str
    generated: ImageSet
    reference: ImageSet
    training: ImageSet | None
    held_out: ImageSet | None
    features: Mapping[str, Choice]
    metrics: Mapping[str, Choice]
    extraction: ExtractionPlan
    tracking: Choice
    catalogue: Catalogue
    config: Mapping[str, Any]
    command: str


def evaluate(question: Question, results: Path, sweep: str = "") -> RunRecord:
    """Measure the images, keep the record in the results folder and mirror it, as a job of the sweep whose id starts so
    or of one of its own. What was measured of the same images before is measured with it, or found.

    Raises LookupError for a sweep that is not there, ValueError for images that cannot be read or a name that cannot
    be a folder's, and MetricsError for metrics that cannot be asked for together, before any work; what a metric alone
    cannot do is in `left_out`.
    """
    if sweep and read_sweep(results, sweep) is None:
        raise LookupError(f"no sweep '{sweep}' in '{results}'")
    if not NAME.fullmatch(question.name):
        raise ValueError(f"name={question.name!r}: a run's name is made of letters, digits, '_', '-', '.' and spaces")
    family = _family(question)
    run_id = f"{question.name}-{family}"
    folder = results / run_id
    folder.mkdir(parents=True, exist_ok=True)
    with (
        settled(torch.get_num_threads()),
        Progress(question.name, folder / "run.log") as progress,
        at_work(results, run_id, progress.say),
    ):
        before = record_before(folder / "result.json")
        known = finished(before)
        too = replace(
            question,
            features=features_too(question.features, known, question.catalogue),
            metrics=metrics_too(question.metrics, known, question.catalogue),
        )
        record = _measured(too, Store(results, progress.say), run_id, family, progress)
        if known is not None and not finished(record):
            progress.say(f"{record.status}: {record.reason}")
            record = known  # nothing came of what was asked for
        else:
            write_record(folder / "result.json", record)
    sweep_id = _joined(results, sweep, question.command, record)
    tracking = question.tracking
    safely(lambda: tracking.build().mirror(record, results, sweep_id), tracking.name, sweep_id)
    return record


def _family(question: Question) -> str:
    """The hash of what is compared with what."""
    sets = {
        "images": question.generated,
        "reference": question.reference,
        "training": question.training,
        "held_out": question.held_out,
    }
    return digest(**{name: images and [images.id, images.first, images.count] for name, images in sets.items()})


def _measured(question: Question, store: Store, run_id: str, family: str, progress: Progress) -> RunRecord:
    """The record with every measurement."""
    images, reference, device = question.generated, question.reference, question.extraction.device
    evaluator = Evaluator(
        store,
        question.features,
        question.metrics,
        Common(spec_of(images), reference, question.held_out, question.training),
        torch.device(device),
        question.extraction.batch_size,
        Alone(),
        describe_with(device, torch.get_num_threads(), 1, question.command),
        progress.progress,
    )
    scores = evaluator.score(_rows(question))
    reason = no_number(question.metrics, scores)
    return RunRecord(
        run_id=run_id,
        status=Status.FAILED if reason else Status.DONE,
        reason=reason,
        family=family,
        config=dict(question.config),
        provenance=provenance(device, {}, question.command),
        images=images_record(images, question.name),
        reference=images_record(reference, "reference"),
        features={name: choice_record(choice) for name, choice in question.features.items()},
        metrics={name: choice_record(choice) for name, choice in question.metrics.items()},
        measures=dict(scores.measures),
        rows=dict(scores.rows),
        left_out=dict(scores.left_out),
        artifacts=scores.artifacts,
    )


def _rows(question: Question) -> dict[str, Row]:
    """The images, noise of their shape, and held-out images where there are any, each at its own number."""
    images, held_out = question.generated, question.held_out
    rows = {GENERATED: Row(images)}
    count = min(len(images), len(held_out)) if held_out else 0
    if held_out is not None and count and held_out.id != question.reference.id:  # no set against itself
        rows |= {AT_HELD_OUT: Row(images.part(0, count)), HELD_OUT: Row(held_out.part(0, count))}
    if images.shape is not None:
        rows[NOISE] = Row(NoiseImages(images.shape, len(images)))
    return rows


def _joined(results: Path, sweep: str, command: str, record: RunRecord) -> str:
    """Report the run as a job of a sweep, a new one for ""; the sweep's id."""
    plan = read_sweep(results, sweep) if sweep else None
    number = max((job.number for job in plan.jobs), default=-1) + 1 if plan else 0
    job = Job(number=number)
    if plan is None:
        plan = plan_sweep(results, new_sweep_id(), command, [job])
    else:
        add_jobs(results, plan.sweep_id, [job])
    update_job(results, plan.sweep_id, number, state="done", run_id=record.run_id)
    return plan.sweep_id
