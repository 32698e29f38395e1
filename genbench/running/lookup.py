"""What a plan names, looked up before any work: dataset, conditions, reference, and the ids of everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genbench.data.loading import load
from genbench.drawing.devices import resolve_device
from genbench.interfaces.data import Dataset, DataSpec, ImageSet
from genbench.running.identity import RunIds, run_ids
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
        reference = task.reference(dataset)
        return Asked(plan, dataset, spec, reference, run_ids(plan, dataset, spec, reference))
    except (ValueError, OSError) as error:
        raise RefusedError(str(error)) from error


def run_name(asked: Asked) -> str:
    """What the run is called: its model, data and seeds, and a hash of all that its numbers depend on."""
    training, sampling = asked.plan.training.seed, asked.plan.sampling.seed
    seeds = f"s{training}" if training == sampling else f"t{training}-s{sampling}"
    return f"{asked.plan.model.name}-{asked.dataset.name}-{seeds}-{asked.ids.run}"


def resolved(device: str) -> str:
    """The device that a plan's word means here. Raises RefusedError."""
    try:
        return resolve_device(device)
    except ValueError as error:
        raise RefusedError(str(error)) from error
