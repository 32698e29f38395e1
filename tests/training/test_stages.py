"""Plans and stages: what plans resolve to, seeds by name, what a stage gets to see, what it has learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbench.interfaces.budget import Budget
from genbench.interfaces.data import ConditionKind, ConditionSpec, DataSpec
from genbench.interfaces.training import Stage, StagePlan, StageSpec
from genbench.training.stages import construct, learnt, resolved, resolved_specs, restore, stage_data

LABEL, CAPTION = ConditionSpec("label", ConditionKind.LABEL), ConditionSpec("caption", ConditionKind.TEXT, dtype="text")
DATA = DataSpec(1, 2, 2, conditions=(LABEL, CAPTION))


def test_a_plan_is_resolved_to_what_its_result_depends_on(toys: Any) -> None:
    plans = (
        StagePlan("first", toys.Stage, options=3, conditions=()),
        StagePlan("second", toys.Stage, after=("first",)),
    )
    first, second = resolved(plans, "the config", DATA)
    assert (first.options, first.conditions) == (3, ())
    assert (second.options, second.conditions, second.after) == ("the config", ("label", "caption"), ("first",))
    assert resolved((first, second), "another", DATA) == (first, second)


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ([("a", {}), ("a", {})], "two stages are called 'a'"),
        ([("a", {"after": ("b",)}), ("b", {})], "stage 'a' comes after 'b', and before it there is no stage"),
        ([("a", {}), ("b", {"after": ("c",)})], "stage 'b' comes after 'c', and before it there is a"),
        ([("a", {"conditions": ("lable",)})], "reads the condition 'lable', and the task shows label, caption"),
    ],
)
def test_plans_that_cannot_be_are_refused(toys: Any, plans: list[tuple[str, dict[str, Any]]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolved([StagePlan(name, toys.Stage, **fields) for name, fields in plans], None, DATA)


@dataclass(frozen=True)
class Trained:
    """Options of a stage of this budget and batch."""

    budget: str
    batch_size: int


class Sized(Stage):
    def __init__(self, options: Trained, data: DataSpec, schedule: object, before: Mapping[str, Stage]) -> None:
        raise AssertionError("a spec is known before any work")

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), options.batch_size)

    modules = optimizers = step = None  # type: ignore[assignment]


def plans_of(*options: tuple[str, int]) -> list[StagePlan]:
    return [StagePlan(f"stage {i}", Sized, options=Trained(*values)) for i, values in enumerate(options)]


def test_a_budget_in_steps_replaces_that_of_every_stage() -> None:
    plans = plans_of(("steps:700", 64), ("images:9000", 32))
    assert [str(spec.budget) for spec in resolved_specs(plans, None, None).values()] == ["steps:700", "images:9000"]
    specs = resolved_specs(plans, None, Budget("steps", 5))
    assert [str(spec.budget) for spec in specs.values()] == ["steps:5", "steps:5"]


@pytest.mark.parametrize("amount", [1000, 1001, 7, 123_456_789])
def test_a_budget_in_images_is_divided_as_the_stages_own_are(amount: int) -> None:
    plans = plans_of(("steps:100", 10), ("images:3000", 30), ("steps:200", 30))  # 1000 : 3000 : 6000 images
    shares = [spec.budget.amount for spec in resolved_specs(plans, None, Budget("images", amount)).values()]
    assert sum(shares) == amount
    assert shares == pytest.approx([0.1 * amount, 0.3 * amount, 0.6 * amount], abs=1)


def test_every_stage_gets_an_image_at_least() -> None:
    plans = plans_of(("images:1", 8), ("images:1000000", 8))
    specs = resolved_specs(plans, None, Budget("images", 10))
    assert [spec.budget.steps(8) for spec in specs.values()] == [1, 2]


def test_initial_weights_follow_from_seed_and_name_alone(toys: Any) -> None:
    def built(name: str, seed: int, before: Any = None) -> Tensor:
        stage = construct(StagePlan(name, toys.Stage), toys.Options(), DATA, None, {}, seed)
        return nn.utils.parameters_to_vector(stage.modules()["network"].parameters())

    first = built("a", 0)
    nn.Linear(3, 3)  # somebody builds something in between
    assert torch.equal(first, built("a", 0))
    assert not torch.equal(first, built("b", 0))
    assert not torch.equal(first, built("a", 1))


def test_a_stage_sees_what_its_plan_names_and_nothing_else(toys: Any) -> None:
    other, schedule = toys.make(), object()
    plan = StagePlan("a", toys.Stage, conditions=("caption",), after=("x",), schedule=False)
    stage = construct(plan, toys.Options(), DATA, schedule, {"x": other, "y": other}, 0)  # type: ignore[arg-type]
    assert isinstance(stage, toys.Stage)
    assert stage.data == replace(DATA, conditions=(CAPTION,))
    assert stage.schedule is None
    assert stage.before == {"x": other}
    assert stage.options == toys.Options()
    assert stage_data(replace(plan, conditions=None), DATA) == DATA
    seeing = construct(replace(plan, schedule=True), None, DATA, schedule, {"x": other}, 0)  # type: ignore[arg-type]
    assert isinstance(seeing, toys.Stage)
    assert seeing.schedule is schedule


def test_what_was_learnt_is_a_copy(toys: Any) -> None:
    stage = toys.make()
    state = learnt(stage)
    kept = {key: value.clone() for key, value in state["network"].items()}
    with torch.no_grad():
        for parameter in stage.network.parameters():
            parameter.add_(1.0)
    stage.network.layers[1].running_mean.add_(1.0)
    for key, value in state["network"].items():
        assert torch.equal(value, kept[key]), key
        assert not value.requires_grad


def test_a_restored_stage_is_the_trained_one_ready_for_use(toys: Any) -> None:
    trained, fresh = toys.make(seed=0), toys.make(seed=1)
    restore(fresh, learnt(trained), torch.device("cpu"))
    for key, value in trained.network.state_dict().items():
        assert torch.equal(fresh.network.state_dict()[key], value), key
    assert not any(parameter.requires_grad for parameter in fresh.network.parameters())
    assert not any(module.training for module in fresh.network.modules())
