"""Stages from plans: what a plan resolves to, how a stage is constructed, and what it has learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genbench.interfaces.budget import Budget
from genbench.interfaces.data import DataSpec
from genbench.interfaces.sampling import Schedule
from genbench.interfaces.training import Stage, StagePlan, StageSpec, StageState
from genbench.training.seeding import stage_seed


def resolved(plans: Sequence[StagePlan], config: Any, data: DataSpec) -> tuple[StagePlan, ...]:
    """The plans with nothing left to default: `options` are the config where a plan has none, `conditions` all those of
    the data where it names none.

    Raises ValueError for two stages of one name, a stage after one that does not come before it, and a condition that
    the data has not.
    """
    done: dict[str, StagePlan] = {}
    for plan in plans:
        if plan.name in done:
            raise ValueError(f"two stages are called '{plan.name}'")
        if missing := [name for name in plan.after if name not in done]:
            raise ValueError(
                f"stage '{plan.name}' comes after '{missing[0]}', and before it there is {_listed(done, 'no stage')}"
            )
        conditions = data.condition_names if plan.conditions is None else plan.conditions
        if unknown := [name for name in conditions if name not in data.condition_names]:
            raise ValueError(
                f"stage '{plan.name}' reads the condition '{unknown[0]}', and the task shows"
                f" {_listed(data.condition_names, 'none')}"
            )
        options = config if plan.options is None else plan.options
        done[plan.name] = replace(plan, options=options, conditions=conditions)
    return tuple(done.values())


def resolved_specs(plans: Sequence[StagePlan], config: Any, budget: Budget | None) -> dict[str, StageSpec]:
    """How each stage is trained, by name. A `budget` in steps replaces that of each stage; one in images is for all
    stages together, divided as the images of their own budgets are, with one at least for each.
    """
    specs = {plan.name: plan.stage.spec(config if plan.options is None else plan.options) for plan in plans}
    if budget is None:
        return specs
    if budget.unit == "steps":
        return {name: replace(spec, budget=budget) for name, spec in specs.items()}
    images = {name: spec.budget.steps(spec.batch_size) * spec.batch_size for name, spec in specs.items()}
    total, before, given = sum(images.values()), 0, 0
    shares: dict[str, StageSpec] = {}
    for name, spec in specs.items():
        before += images[name]
        share = max(1, round(budget.amount * before / total) - given)
        given += share
        shares[name] = replace(spec, budget=Budget("images", share))
    return shares


def stage_data(plan: StagePlan, data: DataSpec) -> DataSpec:
    """The data as the stage sees it: with the conditions that its plan reads, and no others."""
    if plan.conditions is None:
        return data
    return replace(data, conditions=tuple(c for c in data.conditions if c.name in plan.conditions))


def construct(
    plan: StagePlan, config: Any, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage], seed: int
) -> Stage:
    """The stage as training finds it. Its random numbers follow from the training seed and its name alone, whatever was
    built or trained earlier; it gets the data, the schedule and the earlier stages that its plan names, and no others.
    """
    torch.manual_seed(stage_seed(seed, plan.name))
    return plan.stage(
        config if plan.options is None else plan.options,
        stage_data(plan, data),
        schedule if plan.schedule else None,
        {name: before[name] for name in plan.after},
    )


def learnt(stage: Stage) -> dict[str, dict[str, Tensor]]:
    """What the stage has learnt, as copies on the CPU that share no memory with anything."""
    return {
        name: {key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in state.items()}
        for name, state in stage.state().items()
    }


def restore(stage: Stage, state: StageState, device: torch.device) -> None:
    """Make a freshly constructed stage one that was trained: on the device, without gradients, for evaluation."""
    for module in stage.modules().values():
        module.to(device)
    stage.load_state(state)
    for module in stage.modules().values():
        module.eval().requires_grad_(False)


def _listed(names: Any, nothing: str) -> str:
    return ", ".join(names) or nothing
