"""The ids of a run's artifacts. Equal ids promise equal numbers; how a run is executed is in no hash.

    stage   = H(data, conditions that it reads, options, stages before it, resolved spec, seed, precision, code)
    samples = H(stages or fingerprint, sampler + grid + guidance, requests, seed, batch size, dtype, kind of device,
                plain or fast, code)
    timing  = H(samples' inputs without the sampling seed, machine, threads, torch, the clock's rules, code)
    run     = H(samples, how many, reference, timing, whether budgets are toys)

Features and scores are named in genbench.measuring.identity. The parts of every hash are kept with what it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from genbench.interfaces.data import Dataset, DataSpec, ImageSet
from genbench.interfaces.drawing import Generator
from genbench.interfaces.training import StagePlan, StageSpec
from genbench.measuring.identity import Identity
from genbench.registry.choice import Choice
from genbench.registry.code import code, libraries
from genbench.running.plan import Plan
from genbench.store.digests import digest
from genbench.store.provenance import hardware
from genbench.training.stages import resolved, resolved_specs, stage_data

TRAINING = (
    "genbench.training.stages:construct",
    "genbench.training.optimisation:Optimisation",
    "genbench.training.view:SplitView",
)
"""The harness's own part of training: all that weights depend on, and nothing of reports and checkpoints."""
CONSTRUCTING = "genbench.running.model:constructed"
"""The harness's own part of making a generator of what was learnt."""
DRAWING = (
    CONSTRUCTING,
    "genbench.drawing.preparing:prepare_runner",
    "genbench.drawing.draw:draw_images",
    "genbench.drawing.requests:Requests",
)
"""The harness's own part of drawing."""
LEARNT = ("__init__", "load_state")
"""What is run of a generator before it is asked for anything."""


@dataclass(frozen=True)
class RunIds:
    """The artifacts that a run joins. `family` is that of runs that differ in their seeds only, `clock_family` of
    timings that do.
    """

    stages: Mapping[str, Identity]
    samples: Identity
    timing: Identity
    run: str
    family: str
    clock_family: str


def run_ids(plan: Plan, dataset: Dataset, spec: DataSpec, reference: ImageSet) -> RunIds:
    """All ids of a run. `spec` is the dataset's with the task's conditions; `plan.device` is resolved."""
    stages, samples, timing = _identities(plan, dataset, spec)
    seedless = replace(plan, training=replace(plan.training, seed=0), sampling=replace(plan.sampling, seed=0))
    _, samples_of_any_seed, timing_of_any_seed = _identities(seedless, dataset, spec)
    count = plan.sampling.num_samples
    against = [reference.id, reference.first, reference.count]
    return RunIds(
        stages=stages,
        samples=samples,
        timing=timing,
        run=digest(samples=samples.id, count=count, reference=against, timing=timing.id, quick=plan.quick),
        family=digest(samples=samples_of_any_seed.id, count=count, reference=against),
        clock_family=timing_of_any_seed.id,
    )


def _identities(plan: Plan, dataset: Dataset, spec: DataSpec) -> tuple[dict[str, Identity], Identity, Identity]:
    stages = stage_ids(plan, dataset, spec)
    drawing = _drawing(plan, dataset, spec, stages)
    samples = Identity.of(**drawing, seed=plan.sampling.seed)
    timing = Identity.of(
        **drawing,
        machine=hardware(plan.device),
        threads=plan.threads,
        rules=plan.timing,
        clock=code("genbench.drawing.timing:time_generator").parts,
    )
    return stages, samples, timing


def stage_ids(plan: Plan, dataset: Dataset, spec: DataSpec) -> dict[str, Identity]:
    """The identity of every stage of the model, by name, in order."""
    stages, specs = planned_stages(plan, spec)
    known: dict[str, Identity] = {}
    for stage in stages:
        before = {name: known[name].id for name in stage.after}
        known[stage.name] = _stage(plan, dataset, spec, stage, specs[stage.name], before)
    return known


def planned_stages(plan: Plan, spec: DataSpec) -> tuple[tuple[StagePlan, ...], dict[str, StageSpec]]:
    """The stages of the model in order, with nothing left to default, and how each is trained."""
    options = plan.model.options
    stages = resolved(generator_class(plan).plan(options, spec), options, spec)
    return stages, resolved_specs(stages, options, plan.training.budget)


def _stage(
    plan: Plan, dataset: Dataset, data: DataSpec, stage: StagePlan, spec: StageSpec, before: Mapping[str, str]
) -> Identity:
    seen = stage_data(stage, data)
    return Identity.of(
        name=stage.name,
        dataset=dataset.fingerprint,
        data=seen,
        task=value_parts(plan.task, ("conditions", "training")) if seen.conditions else None,
        options=stage.options,
        schedule=value_parts(plan.schedule) if plan.schedule and stage.schedule else None,
        before=before,
        spec=spec,
        seed=plan.training.seed,
        precision=plan.training.precision,
        code=code(stage.stage, contract=STAGE_DEFAULTS, given=(stage.options,)).parts,
        harness=code(*TRAINING).parts,
    )


STAGE_DEFAULTS = ("begin", "state", "load_state")
"""Methods of the contract Stage with a default that the harness calls."""


def _drawing(plan: Plan, dataset: Dataset, spec: DataSpec, stages: Mapping[str, Identity]) -> dict[str, Any]:
    """What the bytes of an image depend on besides its key: the harness's own part of the way counts too."""
    generator = generator_class(plan)
    return {
        "stages": {name: identity.id for name, identity in stages.items()},
        "fingerprint": generator.fingerprint(plan.model.options),
        "options": plan.model.options,
        "data": spec,
        "task": value_parts(plan.task, ("conditions", "request")) if spec.conditions else None,
        "dataset": dataset.fingerprint if spec.conditions else None,
        "values": {group: value_parts(choice) for group, choice in plan.values.items()},
        "batch_size": plan.sampling.batch_size,
        "dtype": plan.sampling.dtype,
        "device": kind_of(plan.device),
        "fast": plan.sampling.fast,
        "code": code((generator, (*LEARNT, "prepare")), contract=("load_state",), given=(plan.model.options,)).parts,
        "harness": code(*DRAWING).parts,
    }


def likelihood_id(plan: Plan, spec: DataSpec, stages: Mapping[str, Identity], images: ImageSet) -> Identity:
    """The log-likelihood of these images under the model."""
    return _answer_id(plan, spec, stages, images, "log_prob", "genbench.running.scoring:log_prob")


def requests_id(plan: Plan, dataset: Dataset, spec: DataSpec, count: int, pairs: bool = False) -> Identity:
    """The conditions of the first so many requests, or what they should have given."""
    return Identity.of(
        task=value_parts(plan.task, ("conditions", "pairs" if pairs else "request")),
        dataset=dataset.fingerprint,
        data=spec,
        seed=plan.sampling.seed,
        count=None if pairs else count,
    )


def extra_sets_id(plan: Plan, spec: DataSpec, stages: Mapping[str, Identity], held_out: ImageSet) -> Identity:
    """What the further image sets of a generator depend on besides their names."""
    return _answer_id(plan, spec, stages, held_out, "extra_sets")


def _answer_id(
    plan: Plan, spec: DataSpec, stages: Mapping[str, Identity], images: ImageSet, method: str, *harness: str
) -> Identity:
    """What a method of the trained model, which is given these images, answers with."""
    generator = generator_class(plan)
    return Identity.of(
        stages={name: identity.id for name, identity in stages.items()},
        fingerprint=generator.fingerprint(plan.model.options),
        options=plan.model.options,
        data=spec,
        schedule=value_parts(plan.schedule) if plan.schedule else None,
        images=[images.id, images.first, images.count],
        device=kind_of(plan.device),
        code=code((generator, (*LEARNT, method)), contract=("load_state",), given=(plan.model.options,)).parts,
        harness=code(CONSTRUCTING, *harness).parts,
    )


def learner_libraries(plan: Plan, spec: DataSpec) -> dict[str, str]:
    """Versions of the libraries that the stages import: in no hash, but a table notes a difference."""
    stages, _ = planned_stages(plan, spec)
    return libraries(*(stage.stage for stage in stages)) if stages else {}


def value_parts(choice: Choice, methods: tuple[str, ...] = ()) -> dict[str, Any]:
    """A sampler, schedule, grid, guidance or task as part of a hash: its values and its code, whole or of these methods
    only.
    """
    cls = type(choice.options)
    return {"options": choice.options, "code": code((cls, methods) if methods else cls).parts}


def generator_class(plan: Plan) -> type[Generator]:
    """The model's class, imported now if it was not."""
    cls: type[Generator] = plan.model.entry.load()  # type: ignore[assignment]
    return cls


def kind_of(device: str) -> str:
    """Numbers differ between kinds of device, not between two of a kind: "cuda:1" -> "cuda"."""
    return device.partition(":")[0]
