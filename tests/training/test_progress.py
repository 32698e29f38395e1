"""The watch: what was not finite first, and the latest of everything, over steps and processes."""

from __future__ import annotations

import math

import torch

from genbench.training.progress import Watch, divergence, latest

NAN, INFINITY = float("nan"), float("inf")


def watched(*steps: dict[str, float]) -> dict[str, torch.Tensor]:
    watch = Watch(torch.device("cpu"))
    for step, scalars in enumerate(steps, start=1):
        watch.see(step, {name: torch.tensor(value) for name, value in scalars.items()})
    return watch.read()


def test_the_first_step_that_was_not_finite_is_named_with_its_value() -> None:
    seen = watched({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": INFINITY}, {"a": NAN, "b": NAN}, {"a": 1.0, "b": 1.0})
    assert divergence([seen]) == "step 2: loss 'b' is inf"
    assert latest([seen]) == {"a": 1.0, "b": 1.0}


def test_nothing_to_say_while_all_is_finite() -> None:
    assert divergence([watched({"a": 1e38}, {"a": -1e38})]) is None
    assert divergence([]) is None
    assert watched({}) == {}


def test_scalars_may_come_and_go() -> None:
    seen = watched({"a": 1.0, "r1": 5.0}, {"a": 2.0}, {"a": NAN}, {"a": 4.0, "r1": 6.0}, {"a": NAN})
    assert divergence([seen]) == "step 3: loss 'a' is nan"
    assert latest([watched({"a": 1.0, "r1": 5.0}, {"a": 2.0})]) == {"a": 2.0, "r1": 5.0}
    assert latest([watched({"a": 1.0, "r1": 5.0}, {"a": 2.0}, {"a": 3.0, "r1": 6.0})]) == {"a": 3.0, "r1": 6.0}


def test_processes_are_averaged_and_the_earliest_trouble_wins() -> None:
    ranks = [watched({"a": 1.0}, {"a": 2.0}, {"a": NAN}), watched({"a": 3.0}, {"a": -INFINITY}, {"a": 5.0})]
    assert divergence(ranks) == "step 2: loss 'a' is -inf"
    assert latest([watched({"a": 1.0}), watched({"a": 2.0})]) == {"a": 1.5}
    assert math.isnan(latest(ranks)["a"])


def test_half_precision_scalars_of_a_stage_are_taken() -> None:
    watch = Watch(torch.device("cpu"))
    watch.see(1, {"a": torch.tensor(1.0, dtype=torch.bfloat16), "b": torch.ones((), requires_grad=True)})
    assert latest([watch.read()]) == {"a": 1.0, "b": 1.0}
