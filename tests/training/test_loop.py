"""The training loop: budgets, resume, averaged weights, order of batches, divergence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from genbench.errors import DivergedError
from genbench.interfaces.data import DataSpec
from genbench.interfaces.training import LearningRate, StageSpec, TrainingView
from genbench.training.loop import Progress, TrainingSettings, _Order, _StageRun, train

FABRIC = Fabric(accelerator="cpu", devices=1)
VIEW = TrainingView(torch.arange(40 * 4, dtype=torch.uint8).reshape(40, 1, 2, 2))
SPEC = DataSpec(1, 2, 2)


def make(toy: Any, **options: Any) -> Any:
    from dataclasses import make_dataclass

    torch.manual_seed(0)
    defaults = {"steps": 12, "batch_size": 16, "ema": 0.0, "fail": "", **options}
    return toy(make_dataclass("Options", defaults)(**defaults), SPEC, None)


def weights(model: Any) -> torch.Tensor:
    return torch.cat([value.flatten() for value in model.state().values()])


def test_budgets_in_steps_and_images(toy: Any) -> None:
    assert train(make(toy), VIEW, TrainingSettings(0), FABRIC).steps == 12
    assert train(make(toy), VIEW, TrainingSettings(0, steps=5), FABRIC).steps == 5
    log = train(make(toy), VIEW, TrainingSettings(0, images=100), FABRIC)
    assert (log.steps, log.images) == (7, 112)  # whole batches of 16


def test_training_lowers_the_loss_and_is_a_function_of_the_seed(toy: Any) -> None:
    first, again, other = make(toy, steps=100), make(toy, steps=100), make(toy, steps=100)
    log = train(first, VIEW, TrainingSettings(0), FABRIC)
    train(again, VIEW, TrainingSettings(0), FABRIC)
    train(other, VIEW, TrainingSettings(1), FABRIC)
    assert log.curves[-1]["loss"] < 0.8 * log.curves[0]["loss"]
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_training_ends_with_the_same_weights(toy: Any, tmp_path: Path, ema: float) -> None:
    class StopHereError(Exception):
        pass

    def interrupt(progress: Progress) -> None:
        if progress.step == 7:
            raise StopHereError

    whole, broken, resumed = make(toy, ema=ema), make(toy, ema=ema), make(toy, ema=ema)
    train(whole, VIEW, TrainingSettings(0), FABRIC)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(StopHereError):
        train(broken, VIEW, TrainingSettings(0, checkpoint_seconds=-1), FABRIC, checkpoint, interrupt)
    assert checkpoint.exists()
    seen: list[int] = []
    train(resumed, VIEW, TrainingSettings(0), FABRIC, checkpoint, lambda progress: seen.append(progress.step))
    assert seen[0] == 7  # the report that failed came before the next checkpoint: step 6 is done again, no other
    assert torch.equal(weights(resumed), weights(whole))


def test_averaged_weights_are_the_exponential_moving_average(toy: Any) -> None:
    model = make(toy, ema=0.5, steps=3)
    stage = next(iter(model.stages(VIEW)))
    run = _StageRun(stage, 0, dict(stage.modules()), VIEW, TrainingSettings(0), FABRIC)
    expected = model.network.mean.detach().clone()
    for step, _ in enumerate(run):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.network.mean.detach()
    run.finish()
    torch.testing.assert_close(model.network.mean.detach(), expected)


def test_nan_losses_stop_training_with_the_step(toy: Any) -> None:
    with pytest.raises(DivergedError, match=r"stage 'toy', step 4: loss 'loss' is nan"):
        train(make(toy, fail="diverged"), VIEW, TrainingSettings(0), FABRIC)


def test_every_epoch_sees_every_image_once_and_any_step_is_known_alone() -> None:
    order = _Order(10, seed=3)
    indices = torch.cat([order.batch(step, 4) for step in range(5)])
    assert sorted(indices[:10].tolist()) == list(range(10))
    assert sorted(indices[10:].tolist()) == list(range(10))
    assert indices[:10].tolist() != indices[10:].tolist()
    assert torch.equal(_Order(10, seed=3).batch(3, 4), indices[12:16])


def test_warm_up_and_cosine_decay(toy: Any) -> None:
    model = make(toy, steps=10)
    stage = next(iter(model.stages(VIEW)))
    stage.spec = replace(stage.spec, warmup_steps=4, learning_rate=LearningRate.COSINE)
    run = _StageRun(stage, 0, dict(stage.modules()), VIEW, TrainingSettings(0), FABRIC)
    rates = [run.optimizers["network"].param_groups[0]["lr"] for _ in run]
    assert rates[0] == pytest.approx(0.05 / 5)
    assert max(rates) == rates[4]
    assert rates[-1] == pytest.approx(0.05 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * 9 / 10)).item()), rel=1e-5)


def test_the_stage_budget_is_replaced_not_scaled() -> None:
    spec = StageSpec("s", steps=100, batch_size=32)
    assert TrainingSettings(0).budget(spec).steps == 100
    assert TrainingSettings(0, images=33).budget(spec).steps == 2


class TwoStages:
    """A second stage that builds its network only when it is asked for."""

    def __init__(self, toy: Any) -> None:
        self.first = make(toy)
        self.second: Any = None

    def stages(self, view: TrainingView) -> Any:
        yield from self.first.stages(view)
        self.second = toy_like(self.first)
        yield from self.second.stages(view)


def toy_like(model: Any) -> Any:
    return type(model)(model.config, SPEC, None)


def test_a_kill_between_two_stages_changes_nothing(toy: Any, tmp_path: Path) -> None:
    class StopHereError(Exception):
        pass

    def stop(progress: Progress) -> None:
        calls.append(progress.step)
        if len(calls) == 13:  # the first report of the second stage
            raise StopHereError

    whole, broken, resumed = TwoStages(toy), TwoStages(toy), TwoStages(toy)
    train(whole, VIEW, TrainingSettings(0), FABRIC)  # type: ignore[arg-type]
    calls: list[int] = []
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(StopHereError):
        train(broken, VIEW, TrainingSettings(0), FABRIC, checkpoint, stop)  # type: ignore[arg-type]
    train(resumed, VIEW, TrainingSettings(0), FABRIC, checkpoint)  # type: ignore[arg-type]
    assert torch.equal(weights(resumed.second), weights(whole.second))
