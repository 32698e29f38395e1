"""Training one stage: budgets, resume, stopping, divergence, what the log says, what is left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.errors import DivergedError
from genbench.interfaces.training import Stage
from genbench.training import loop
from genbench.training.loop import TrainingSettings, train_stage
from genbench.training.progress import Progress, TrainingLog
from genbench.training.signals import terminate_as_interrupt
from genbench.training.stages import learnt


class StopHereError(Exception):
    """Thrown by a report in the middle of training."""


def train(toys: Any, stage: Any, seed: int = 0, **arguments: Any) -> TrainingLog:
    settings = TrainingSettings(seed, checkpoint_seconds=arguments.pop("checkpoint_seconds", 60.0))
    return train_stage(stage, "toy", stage.spec(stage.options), toys.view(), settings, **arguments)


def weights(stage: Stage) -> Tensor:
    return torch.cat([value.double().flatten() for state in learnt(stage).values() for value in state.values()])


def test_the_log_says_what_was_done(toys: Any) -> None:
    seen: list[Progress] = []
    log = train(toys, toys.make(steps=250), report=seen.append)
    assert (log.stage, log.steps, log.images, log.stopped) == ("toy", 250, 250 * 8, False)
    assert [point["step"] for point in log.curves] == [*range(2, 251, 2)]
    assert [(p.step, p.steps, p.scalars["loss"]) for p in seen] == [(p["step"], 250, p["loss"]) for p in log.curves]
    assert log.curves[-1]["norm"] > 0
    assert log.curves[-1]["loss"] < 0.6 * log.curves[0]["loss"]
    assert 0 < seen[0].seconds < seen[-1].seconds <= log.seconds


def test_training_is_a_function_of_the_seed(toys: Any) -> None:
    first, again, other = toys.make(), toys.make(), toys.make()
    for stage, seed in ((first, 0), (again, 0), (other, 1)):
        train(toys, stage, seed)
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))
    assert len(set(first.noise)) == 12


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_training_that_goes_on_ends_with_the_same_weights(toys: Any, tmp_path: Path, ema: float) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 7:
            raise StopHereError

    whole, broken, resumed = (toys.make(ema=ema) for _ in range(3))
    expected = train(toys, whole)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(StopHereError):
        train(toys, broken, checkpoint_seconds=-1.0, checkpoint=checkpoint, report=stop)
    seen: list[int] = []
    log = train(toys, resumed, checkpoint=checkpoint, report=lambda progress: seen.append(progress.step))
    assert seen[0] == 7  # the report that failed came before its step was saved: that one is done again, no other
    assert resumed.begun == 1
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed.noise == whole.noise[6:]
    assert log.curves == expected.curves


def test_an_interrupt_is_honoured_after_the_step_was_saved(toys: Any, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    whole, broken, resumed = (toys.make() for _ in range(3))
    train(toys, whole)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        train(toys, broken, checkpoint=checkpoint, report=interrupt)
    train(toys, resumed, checkpoint=checkpoint)
    assert len(broken.seen) == 5
    assert len(resumed.seen) == 7
    assert torch.equal(weights(resumed), weights(whole))


def test_the_callback_may_stop_training(toys: Any) -> None:
    stage = toys.make(ema=0.5)
    log = train(toys, stage, report=lambda progress: progress.step == 4)
    assert (log.steps, log.images, log.stopped) == (4, 32, True)
    assert len(stage.seen) == 4
    assert not any(parameter.requires_grad for parameter in stage.network.parameters())
    assert not train(toys, toys.make(), report=lambda progress: progress.step == 12).stopped


def test_a_divergence_is_named_with_its_exact_step(toys: Any) -> None:
    stage = toys.make(steps=1000, broken=17)
    with pytest.raises(DivergedError, match=r"^stage 'toy', step 17: loss 'loss' is nan$"):
        train(toys, stage)
    assert len(stage.seen) == 20  # looked at every tenth step only: no step waits for the device


def test_a_divergence_is_never_saved(toys: Any, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(DivergedError, match="step 17: loss 'loss' is nan"):
        train(toys, toys.make(steps=1000, broken=17), checkpoint_seconds=-1.0, checkpoint=checkpoint)
    assert torch.load(checkpoint, weights_only=True)["run"]["step"] == 16


def test_weights_that_are_not_finite_are_a_divergence_too(toys: Any) -> None:
    class Ruined(toys.Stage):
        def step(self, batch: Any, update: Any) -> Any:
            scalars = super().step(batch, update)
            with torch.no_grad():
                self.network.layers[3].bias[0] = float("inf")
            return {name: torch.zeros(()) for name in scalars}

    stage = Ruined(toys.Options(steps=1), toys.spec, None, {})
    with pytest.raises(DivergedError, match=r"stage 'toy': weights network\.layers\.3\.bias are not finite"):
        train(toys, stage)


def test_seconds_count_what_a_stage_computes_beforehand(toys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    class Preparing(toys.Stage):
        def begin(self, train: Any) -> None:
            now[0] += 1000.0

        def step(self, batch: Any, update: Any) -> Any:
            now[0] += 1.0
            return super().step(batch, update)

    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])
    assert train(toys, Preparing(toys.Options(), toys.spec, None, {})).seconds == 1012.0


def test_seconds_add_up_over_sittings(toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    class Slow(toys.Stage):
        def step(self, batch: Any, update: Any) -> Any:
            now[0] += 1.0
            return super().step(batch, update)

    def stop(progress: Progress) -> None:
        if progress.step == 7:
            raise StopHereError

    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(StopHereError):
        train(toys, Slow(toys.Options(), toys.spec, None, {}), checkpoint_seconds=-1.0, checkpoint=checkpoint,
              report=stop)  # fmt: skip
    now[0] += 500.0  # between two sittings
    log = train(toys, Slow(toys.Options(), toys.spec, None, {}), checkpoint=checkpoint)
    assert log.seconds == 12.0


def test_a_checkpoint_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    from genbench.training import checkpoints

    path = tmp_path / "checkpoint.pt"
    checkpoints.write(path, checkpoints.packed({"value": torch.arange(3), "names": ["a"]}))
    content = checkpoints.unpacked(path.read_bytes(), torch.device("cpu"))
    assert content["value"].tolist() == [0, 1, 2]
    assert content["names"] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
