"""What a plan names, looked up before any work: dataset, conditions, reference, and the ids of everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genbench.data.loading import load
from genbench.drawing.devices import resolve_device
from genbench.images import Renamed
from genbench.interfaces.data import Dataset, DataSpec, ImageSet
from genbench.interfaces.ranks import Ranks
from genbench.measuring.identity import Identity
from genbench.running.identity import RunIds, run_ids, value_parts
from genbench.running.plan import Plan


class RefusedError(ValueError):
    """The dataset, the device or the files that the plan names cannot be had: there is no run to record."""


@dataclass(frozen=True)
class Asked:
    """What a plan asks for, looked up: the dataset, its spec with the task's conditions, the reference, all ids."""

    plan: Plan
    dataset: Dataset
    spec: DataSpec
    reference: ImageSet
    ids: RunIds


def look_up(plan: Plan) -> Asked:
    """The dataset and the ids of everything that the plan asks for; `plan.device` is resolved. Raises RefusedError."""
    try:
        dataset = load(plan.dataset)
        task = plan.task_value
        spec = replace(dataset.spec, conditions=task.conditions(dataset.spec))
        reference = of_task(plan, dataset, "reference", task.reference(dataset))
        plan = replace(plan, extraction=replace(plan.extraction, device=_extraction_device(plan)))
        return Asked(plan, dataset, spec, reference, run_ids(plan, dataset, spec, reference))
    except (ValueError, OSError) as error:
        raise RefusedError(str(error)) from error


def of_task(plan: Plan, dataset: Dataset, method: str, images: ImageSet, name: str = "") -> ImageSet:
    """Images that a method of the task gave: part of a split under the split's id, any other under one of ours, from
    what they depend on. A plugin's own id would survive an edit of the plugin.
    """
    if images.id in {split.id for split in dataset.splits.values()}:
        return images
    task = value_parts(plan.task, (method,))
    return Renamed(Identity.of(task=task, dataset=dataset.fingerprint, name=name, given=images.id).id, images)


def _extraction_device(plan: Plan) -> str:
    """Where extractors run: "cuda" is the GPU that the run has. Raises ValueError."""
    device = resolve_device(plan.extraction.device)
    return plan.device if device == "cuda" and plan.device.startswith("cuda") else device


def run_name(asked: Asked) -> str:
    """What the run is called: its model, data and seeds, and a hash of all that its numbers depend on."""
    training, sampling = asked.plan.training.seed, asked.plan.sampling.seed
    seeds = f"s{training}" if training == sampling else f"t{training}-s{sampling}"
    return f"{asked.plan.model.name}-{asked.dataset.name}-{seeds}-{asked.ids.run}"


def resolved(device: str, ranks: Ranks) -> str:
    """The device that a plan's word means for this process. Raises RefusedError."""
    try:
        return resolve_device(ranks.device(resolve_device(device)))
    except ValueError as error:
        raise RefusedError(str(error)) from error
