"""Updates against loops written out by hand: precision, clipping, gradients, learning rates, batches, seeds."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from genbench.interfaces.budget import Budget
from genbench.interfaces.data import Column, ConditionKind, ConditionSpec
from genbench.interfaces.ranks import Alone
from genbench.interfaces.tasks import Examples
from genbench.interfaces.training import Batch, LearningRate, Stage, StageSpec, Update
from genbench.training.optimisation import Optimisation, autocast
from genbench.training.view import SplitView

RATE = 0.1


class Watched(SGD):
    """Notes whether autocast was on when it stepped."""

    def __init__(self, parameters: Any, on: list[bool]) -> None:
        super().__init__(parameters, RATE)
        self.on = on

    def step(self, closure: Any = None) -> Any:
        self.on.append(torch.is_autocast_enabled("cpu"))
        return super().step(closure)


class TwoUpdates(Stage):
    """Two linear layers in turns: the second update sees the weights that the first one left, as in a GAN."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.in_step: list[bool] = []
        self.in_backward: list[bool] = []
        self.in_forward: list[bool] = []
        self.norms: list[float] = []
        for parameter in (*self.first.parameters(), *self.second.parameters()):
            parameter.register_hook(lambda gradient: self.in_backward.append(torch.is_autocast_enabled("cpu")))

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        return StageSpec(Budget("steps", 3), 8)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"first": self.first, "second": self.second}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {name: Watched(module.parameters(), self.in_step) for name, module in self.modules().items()}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        x = batch.images.flatten(1)
        self.in_forward.append(torch.is_autocast_enabled("cpu"))
        one = objective(self.second(self.first(x)))
        self.norms.append(float(update(one, "first")))
        two = -objective(self.second(self.first(x)))
        self.norms.append(float(update(two, "second")))
        return {"one": one.detach(), "two": two.detach()}


def objective(y: Tensor) -> Tensor:
    return y.float().square().mean()


def by_hand(stage: TwoUpdates, batches: list[Tensor], precision: str) -> list[float]:
    """The same training, each forward pass in an autocast of its own; returns the losses."""
    first, second = copy.deepcopy(stage.first), copy.deepcopy(stage.second)
    losses = []
    for x in batches:
        for module, sign in ((first, 1.0), (second, -1.0)):
            with autocast(precision, torch.device("cpu"))():
                loss = sign * objective(second(first(x)))
            gradients = torch.autograd.grad(loss, list(module.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(module.parameters(), gradients, strict=True):
                    parameter -= RATE * gradient
            losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_two_updates_a_step_are_those_of_a_loop_written_out(toys: Any, precision: str) -> None:
    stage, seen = TwoUpdates(), []
    expected_of = copy.deepcopy(stage)
    run = Optimisation(stage, "two", TwoUpdates.spec(None), toys.view(), 0, precision, Alone())
    losses = []
    for step in range(3):
        seen.append(run.view.images(run.order.batch(step, 8)).float().mul(2 / 255).sub(1).flatten(1))
        losses += [float(value) for value in run.advance().values()]
    assert losses == pytest.approx(by_hand(expected_of, seen, precision), rel=1e-6)


def test_autocast_wraps_forward_passes_and_nothing_else(toys: Any) -> None:
    stage = TwoUpdates()
    run = Optimisation(stage, "two", TwoUpdates.spec(None), toys.view(), 0, "bf16-mixed", Alone())
    run.advance()
    assert stage.in_forward == [True]
    assert stage.in_step == [False, False]
    assert stage.in_backward
    assert not any(stage.in_backward)
    with run.autocast():
        assert stage.first(torch.ones(1, 4)).dtype == torch.bfloat16


def test_full_precision_casts_nothing(toys: Any) -> None:
    stage = TwoUpdates()
    Optimisation(stage, "two", TwoUpdates.spec(None), toys.view(), 0, "32-true", Alone()).advance()
    assert stage.in_forward == [False]


def test_an_unknown_precision_is_refused_with_the_known_ones(toys: Any) -> None:
    with pytest.raises(ValueError, match="32-true or bf16-mixed, not in '16-mixed'"):
        Optimisation(TwoUpdates(), "two", TwoUpdates.spec(None), toys.view(), 0, "16-mixed", Alone())


@pytest.mark.parametrize("clip_norm", [None, 1e-3, 1e3])
def test_the_norm_before_clipping_is_returned_and_the_clipped_gradient_used(toys: Any, clip_norm: float | None) -> None:
    stage, spec = TwoUpdates(), replace(TwoUpdates.spec(None), clip_norm=clip_norm)
    before = copy.deepcopy(stage)
    run = Optimisation(stage, "two", spec, toys.view(), 0, "32-true", Alone())
    x = run.view.images(run.order.batch(0, 8)).float().mul(2 / 255).sub(1).flatten(1)
    run.advance()
    gradients = torch.autograd.grad(objective(before.second(before.first(x))), list(before.first.parameters()))
    norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
    assert stage.norms[0] == pytest.approx(norm, rel=1e-5)
    moved = [now.detach() - then.detach() for now, then in zip(
        stage.first.parameters(), before.first.parameters(), strict=True)]  # fmt: skip
    length = float(torch.cat([step.flatten() for step in moved]).norm())
    assert length == pytest.approx(RATE * (norm if clip_norm is None else min(norm, clip_norm)), rel=1e-3)


def test_gradients_of_other_optimizers_are_discarded(toys: Any) -> None:
    class Leaky(TwoUpdates):
        def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
            update(objective(self.second(self.first(batch.images.flatten(1)))), "first")
            update(self.second.bias.sum(), "second")
            return {}

    stage = Leaky()
    weight = stage.second.weight.detach().clone()
    Optimisation(stage, "leaky", Leaky.spec(None), toys.view(), 0, "32-true", Alone()).advance()
    assert torch.equal(stage.second.weight.detach(), weight)


def test_an_unknown_optimizer_is_named_with_those_there_are(toys: Any) -> None:
    class Misspelt(TwoUpdates):
        def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
            update(self.first.bias.sum(), "frist")
            return {}

    run = Optimisation(Misspelt(), "two", TwoUpdates.spec(None), toys.view(), 0, "32-true", Alone())
    with pytest.raises(ValueError, match="stage 'two' has no optimizer 'frist'; it has first, second"):
        run.advance()


def test_warm_up_and_cosine_decay(toys: Any) -> None:
    spec = StageSpec(Budget("steps", 10), 8, warmup_steps=4, learning_rate=LearningRate.COSINE)
    run = Optimisation(TwoUpdates(), "two", spec, toys.view(), 0, "32-true", Alone())
    rates = []
    for _ in range(10):
        run.advance()
        rates.append(run.optimizers["first"].param_groups[0]["lr"] / RATE)
    cosine = [0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * step / 10)))) for step in range(10)]
    warm_up = [0.2, 0.4, 0.6, 0.8, *[1.0] * 6]
    assert rates == pytest.approx([c * w for c, w in zip(cosine, warm_up, strict=True)], rel=1e-5)


def test_modules_train_at_every_step_whatever_a_stage_left_behind(toys: Any) -> None:
    class Evaluating(TwoUpdates):
        def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
            modes.append(self.first.training)
            self.first.eval()
            return {}

    modes: list[bool] = []
    run = Optimisation(Evaluating(), "two", TwoUpdates.spec(None), toys.view(), 0, "32-true", Alone())
    for _ in range(3):
        run.advance()
    assert modes == [True, True, True]


def test_a_finished_stage_is_averaged_frozen_and_evaluates(toys: Any) -> None:
    stage = TwoUpdates()
    spec = replace(TwoUpdates.spec(None), ema=0.9, averaged=("first",))
    run = Optimisation(stage, "two", spec, toys.view(), 0, "32-true", Alone())
    expected, step = stage.first.weight.detach().clone(), 0
    for step in range(3):
        run.advance()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * stage.first.weight.detach()
    second = stage.second.weight.detach().clone()
    run.finish()
    torch.testing.assert_close(stage.first.weight.detach(), expected)
    assert torch.equal(stage.second.weight, second)
    assert not any(p.requires_grad for m in run.modules.values() for p in m.parameters())
    assert not any(m.training for m in run.modules.values())


def test_averaging_an_unknown_module_is_refused(toys: Any) -> None:
    spec = StageSpec(Budget("steps", 1), 8, ema=0.5, averaged=("third",))
    with pytest.raises(ValueError, match="averages the module 'third', and has first, second"):
        Optimisation(TwoUpdates(), "two", spec, toys.view(), 0, "32-true", Alone())


class Several(Alone):
    """One of several processes, which hears nothing of the others."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count  # type: ignore[misc]


def test_ranks_take_turns_of_the_batch_and_noise_of_their_own(toys: Any) -> None:
    stages = {key: toys.make() for key in [(0, 1), (0, 2), (1, 2)]}
    for (rank, count), stage in stages.items():
        run = Optimisation(stage, "toy", stage.spec(stage.options), toys.view(), 0, "32-true", Several(rank, count))
        run.advance()
    whole, left, right = (stages[key] for key in [(0, 1), (0, 2), (1, 2)])
    assert left.seen[0] + right.seen[0] == whole.seen[0]
    assert left.noise[0] == whole.noise[0] != right.noise[0]


def test_gradients_and_running_statistics_are_averaged_over_the_ranks(toys: Any) -> None:
    class Halving(Several):
        """The other process has zeros everywhere."""

        def average_(self, tensors: Sequence[Tensor]) -> None:
            sizes.append(len(tensors))
            for tensor in tensors:
                tensor.div_(2)

    sizes: list[int] = []
    stage = TwoUpdates()
    before = copy.deepcopy(stage.first.weight.detach())
    Optimisation(stage, "two", TwoUpdates.spec(None), toys.view(), 0, "32-true", Several(0, 2)).advance()
    alone = stage.first.weight.detach() - before
    stage = TwoUpdates()
    Optimisation(stage, "two", TwoUpdates.spec(None), toys.view(), 0, "32-true", Halving(0, 2)).advance()
    torch.testing.assert_close(stage.first.weight.detach() - before, alone / 2)
    assert sizes == [2, 2]  # weight and bias, at each of the two updates

    normalised = {count: toys.make() for count in (1, 2)}
    for count, toy in normalised.items():
        ranks = Halving(0, 2) if count == 2 else Several(0, 2)
        Optimisation(toy, "toy", toy.spec(toy.options), toys.view(), 0, "32-true", ranks).advance()
    means = [toy.network.layers[1].running_mean for toy in normalised.values()]
    torch.testing.assert_close(means[1], means[0] / 2)


def test_ranks_draw_conditions_of_their_own(toys: Any) -> None:
    class Noise:
        """A task that shows noise."""

        def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
            return {"noise": torch.rand(len(indices), generator=generator)}

    class Seeing(TwoUpdates):
        def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
            seen.append(batch.conditions["noise"])
            return {}

    seen: list[Tensor] = []
    spec = replace(toys.spec, conditions=(ConditionSpec("noise", ConditionKind.IMAGE, ()),))
    for rank in (0, 0, 1):
        view = SplitView(toys.view()._source, spec, torch.device("cpu"), Noise())  # type: ignore[arg-type]
        Optimisation(Seeing(), "two", Seeing.spec(None), view, 0, "32-true", Several(rank, 2)).advance()
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_a_batch_that_the_ranks_cannot_share_is_refused(toys: Any) -> None:
    stage = toys.make()
    with pytest.raises(ValueError, match="stage 'toy': 3 processes cannot share a batch of 8 images equally"):
        Optimisation(stage, "toy", stage.spec(stage.options), toys.view(), 0, "32-true", Several(0, 3))
