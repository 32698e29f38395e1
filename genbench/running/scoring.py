"""The rows of a run: its images, real and random ones beside them, and whatever else the model and the task bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from genbench.drawing.requests import Requests
from genbench.images import Renamed
from genbench.interfaces.data import Column, ImageSet
from genbench.interfaces.drawing import IMAGES, Generator, HasLikelihood, LogProb
from genbench.interfaces.measurement import Measurement
from genbench.measuring.evaluator import Evaluator
from genbench.measuring.evidence import Common, Later, Row
from genbench.measuring.image_sets import NoiseImages, PairImages
from genbench.measuring.scores import Scores
from genbench.running.artifacts import Drawn, Timed
from genbench.running.identity import extra_sets_id, generator_class, likelihood_id, requests_id
from genbench.running.lookup import Asked, of_task
from genbench.running.model import Model
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE

LIKELIHOOD_BATCH = 1024
"""Images whose likelihood is asked for at a time."""


def evaluator(asked: Asked, model: Model) -> Evaluator:
    """Made before any training: weights of extractors that are missing should be known before hours of work."""
    plan, progress = asked.plan, model.progress
    for name, choice in plan.features.items():
        domain = choice.entry.load().domain
        if domain not in ("", asked.dataset.name):
            progress.say(f"features={name} are made for {domain}: on {asked.dataset.name} they say little")
    return Evaluator(
        model.store,
        plan.features,
        plan.metrics,
        Common(
            spec=asked.dataset.spec,
            reference=asked.reference,
            held_out=asked.dataset.splits.get("held_out"),
            training=asked.dataset.splits["train"] if model.stages else None,
            likelihood=_likelihood(asked, model),
        ),
        torch.device(plan.extraction.device),
        plan.extraction.batch_size,
        model.ranks,
        model.describe,
        progress.progress,
    )


def rows(asked: Asked, requests: Requests, drawn: Drawn, timed: Timed | None, model: Model | None) -> dict[str, Row]:
    """Every row by name: the run's images first, then what they are compared with. The sets that the model itself
    brings are left out where it is None.
    """
    generated = _generated(asked, requests, drawn, timed)
    held_out = asked.dataset.splits.get("held_out")
    every = {GENERATED: generated, **_at_held_out(generated, held_out, asked.reference)}
    every[NOISE] = Row(NoiseImages(asked.dataset.spec.shape, len(generated.images)))
    further: Mapping[str, Callable[[], Mapping[str, Row]]] = {
        "the runner": lambda: {  # drawn with the same requests, and not what was timed
            name: replace(generated, images=images, timing=None)
            for name, images in drawn.sets.items()
            if name != IMAGES
        },
        "the task": lambda: _alone(_baselines(asked)),
        "the model": lambda: _alone(_extra_sets(asked, model, held_out) if model else {}),
    }
    for giver, brought in further.items():
        for name, row in brought().items():
            if name in every:
                raise ValueError(f"{giver} brings a set of images called '{name}', and there is one of that name")
            every[name] = row
    return every


def score(
    asked: Asked, model: Model, evaluator: Evaluator, requests: Requests, drawn: Drawn, timed: Timed | None
) -> Scores:
    """Measure every row; all ranks extract together. `timed` is known to rank 0."""
    return evaluator.score(rows(asked, requests, drawn, model.ranks.broadcast(timed), model))


def _alone(sets: Mapping[str, ImageSet]) -> dict[str, Row]:
    """Images of which nothing else is known."""
    return {name: Row(images) for name, images in sets.items()}


def _at_held_out(generated: Row, held_out: ImageSet | None, reference: ImageSet) -> dict[str, Row]:
    """The held-out images, and as many generated ones beside them. Nothing where they are the reference themselves: a
    set is no distance from itself, which no independent images could come near.
    """
    count = min(len(generated.images), len(held_out)) if held_out else 0
    if held_out is None or not count or held_out.id == reference.id:
        return {}
    return {AT_HELD_OUT: generated.first(count), HELD_OUT: Row(held_out.part(0, count))}


def _generated(asked: Asked, requests: Requests, drawn: Drawn, timed: Timed | None) -> Row:
    images, task = drawn.sets[IMAGES], asked.plan.task_value
    asked_for: Later[Mapping[str, Column]] | None = None
    if asked.spec.conditions:
        identity = requests_id(asked.plan, asked.dataset, asked.spec, len(images))
        asked_for = Later(identity.id, lambda: requests.columns(0, len(images)), identity.parts)
    pairs = None
    if task.pairs(asked.dataset, requests.keys(0, 1), 0) is not None:
        identity = requests_id(asked.plan, asked.dataset, asked.spec, len(images), pairs=True)
        pairs = PairImages(identity.id, task, asked.dataset, requests.keys, len(images))
    clock: Later[Mapping[str, Measurement]] | None = None
    if timed:
        clock = Later(asked.ids.timing.id, lambda: timed.measurements)
    return Row(images, asked_for, pairs, clock)


def _likelihood(asked: Asked, model: Model) -> Later[LogProb] | None:
    held_out = asked.dataset.splits.get("held_out")
    if held_out is None or not issubclass(generator_class(asked.plan), HasLikelihood):
        return None
    identity = likelihood_id(asked.plan, asked.spec, asked.ids.stages, held_out)

    def compute() -> LogProb:
        generator = model.generator()
        assert isinstance(generator, HasLikelihood)
        return log_prob(generator, held_out)

    return Later(identity.id, compute, identity.parts)


def _baselines(asked: Asked) -> dict[str, ImageSet]:
    """The task's further sets, under ids of ours."""
    sets = asked.plan.task_value.baselines(asked.dataset)
    return {name: of_task(asked.plan, asked.dataset, "baselines", images, name) for name, images in sets.items()}


def log_prob(generator: HasLikelihood, images: ImageSet) -> LogProb:
    """Of all these images, a part at a time."""
    parts = [generator.log_prob(batch) for batch in images.batches(LIKELIHOOD_BATCH)]
    return replace(parts[0], nats=torch.cat([part.nats for part in parts]))


def _extra_sets(asked: Asked, model: Model, held_out: ImageSet | None) -> Mapping[str, ImageSet]:
    """The model's further sets, under ids of ours: what they depend on is what the model's images depend on."""
    cls = generator_class(asked.plan)
    if held_out is None or cls.extra_sets is Generator.extra_sets:
        return {}
    identity = extra_sets_id(asked.plan, asked.spec, asked.ids.stages, held_out)
    sets = model.generator().extra_sets(held_out)
    return {name: Renamed(f"{identity.id}-{name}", images) for name, images in sets.items()}
