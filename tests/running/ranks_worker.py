"""What the processes of tests/running/test_ranks.py do, under torchrun: `ranks_worker.py SCENARIO FOLDER`.

Each rank leaves what it saw in FOLDER/<rank>.pt; the same trainings run in one process for comparison.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from genbench.diffusion.schedules import Cosine
from genbench.errors import DivergedError
from genbench.images import ArrayImages
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import DataSpec
from genbench.interfaces.ranks import Ranks
from genbench.interfaces.training import Batch, Stage, StagePlan, StageSpec, Update
from genbench.running.ranks import RankError, World, processes
from genbench.training.loop import TrainingSettings, train_stage
from genbench.training.progress import Progress, TrainingLog
from genbench.training.stages import construct, resolved, resolved_specs
from genbench.training.view import SplitView

torch.set_num_threads(1)

SPEC = DataSpec(1, 2, 2)


class Line(Stage):
    """Linear regression: no random numbers, so that any number of processes does the same. Counts the images that pass
    forward.
    """

    def __init__(self, options: Any, data: DataSpec, schedule: object, before: Mapping[str, Stage]) -> None:
        self.options, self.line, self.passed = options, nn.Linear(4, 4), 0

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        return StageSpec(Budget("steps", 50), 8, clip_norm=1.0)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"line": self.line}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"sgd": SGD(self.line.parameters(), 0.05, momentum=0.9)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        x = batch.images.flatten(1)
        self.passed += len(x)
        loss = (self.line(x) - x.flip(1)).square().mean()
        return {"loss": loss.detach(), "norm": update(loss, "sgd")}


class Noisy(Line):
    """With dropout, running statistics, averaged weights, and a scalar that is NaN on one rank from a step on.

    `options` is (rank, step), or None.
    """

    def __init__(self, options: Any, data: DataSpec, schedule: object, before: Mapping[str, Stage]) -> None:
        super().__init__(options, data, schedule, before)
        layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.2), nn.Linear(6, 4))
        self.line = layers  # type: ignore[assignment]
        self.noise: list[float] = []

    @classmethod
    def spec(cls, options: Any) -> StageSpec:
        return StageSpec(Budget("steps", 12), 8, ema=0.9)

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"sgd": Adam(self.line.parameters(), 0.02)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        self.noise.append(float(torch.randn(())))
        scalars = dict(super().step(batch, update))
        if self.options and self.options[0] == int(os.environ.get("RANK", 0)) and batch.step + 1 >= self.options[1]:
            scalars["loss"] = scalars["loss"] * float("nan")
        return scalars


def train(
    cls: type[Line],
    ranks: Ranks,
    *,
    options: Any = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Line, TrainingLog]:
    pixels = torch.randint(0, 256, (20, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    view = SplitView(ArrayImages("made-up", pixels), SPEC, torch.device("cpu"))
    stage = construct(StagePlan("toy", cls, options=options), None, SPEC, None, {}, seed)
    assert isinstance(stage, cls)
    settings = TrainingSettings(0, checkpoint_seconds=-1.0 if checkpoint else 60.0)
    log = train_stage(stage, "toy", cls.spec(options), view, settings, ranks, checkpoint, report)
    return stage, log


def weights(stage: Stage) -> Tensor:
    """All that its modules hold, running statistics included."""
    values = [value for module in stage.modules().values() for value in module.state_dict().values()]
    return torch.cat([value.double().flatten() for value in values])


MODELS = {
    "gan": ("genbench_gan", "GAN", "GANOptions"),
    "pixelcnn": ("genbench_pixelcnn", "PixelCNN", "PixelCNNOptions"),
    "latent_diffusion": ("genbench_latent_diffusion", "LatentDiffusion", "LatentDiffusionOptions"),
}


def model(package: str, generator: str, options: str) -> Callable[[World, Ranks], dict[str, Any]]:
    """Two steps of each stage of one of our models; for each its weights, its noise, and the images that it saw."""

    def work(world: World, ranks: Ranks) -> dict[str, Any]:
        config = getattr(importlib.import_module(f"{package}.options"), options)()
        planner = getattr(importlib.import_module(f"{package}.model"), generator)
        data = DataSpec(1, 8, 8, levels=17)
        pixels = torch.randint(0, 17, (64, 1, 8, 8), generator=torch.Generator().manual_seed(0)).mul(15)
        view = SplitView(ArrayImages("made-up", pixels.to(torch.uint8)), data, torch.device("cpu"))
        plans = resolved(planner.plan(config, data), config, data)
        specs = resolved_specs(plans, config, Budget("steps", 2))
        trained: dict[str, Stage] = {}
        seen: dict[str, Any] = {}
        for plan in plans:
            stage = construct(plan, config, data, Cosine(), trained, 0)
            noise, images = listening(stage)
            train_stage(stage, plan.name, specs[plan.name], view, TrainingSettings(0), ranks)
            trained[plan.name] = stage
            seen[plan.name] = (weights(stage), noise, images, specs[plan.name].batch_size)
        return seen

    return work


def listening(stage: Stage) -> tuple[list[float], list[int]]:
    """The first random number, and the number of images, of every step that the stage will take."""
    noise: list[float] = []
    images: list[int] = []
    step = stage.step

    def listened(batch: Batch, update: Update) -> Mapping[str, Tensor]:
        with torch.random.fork_rng():
            noise.append(float(torch.randn(())))
        images.append(len(batch.images))
        return step(batch, update)

    stage.step = listened  # type: ignore[method-assign]
    return noise, images


def exchange(world: World, ranks: Ranks) -> dict[str, Any]:
    rank = ranks.rank
    small, large = torch.full((2, 3), float(rank)), torch.arange(5, dtype=torch.float64) * (rank + 1)
    ranks.average_([small, large, large[:0]])
    rows = {
        "bytes": torch.full((2, 2), 7 + rank, dtype=torch.uint8),
        "numbers": torch.tensor(0.5 + rank),
        "none": torch.empty(0, 3),
        "columns": torch.arange(6).view(2, 3).T[:, rank],
    }
    gathered = [dict(entry) for entry in ranks.gather(rows)]
    partly = [dict(entry) for entry in ranks.gather(None if rank == 0 else {"only": torch.tensor([True, False])})]
    nobody = ranks.gather(None)
    ranks.wait()
    return {
        "world": (world.rank, world.count),
        "broadcast": ranks.broadcast({"from": rank, "value": (1, "two", None)}),
        "average": (small, large),
        "gathered": gathered,
        "partly": partly,
        "nobody": list(nobody),
    }


def training(world: World, ranks: Ranks) -> dict[str, Any]:
    line, line_log = train(Line, ranks)
    noisy, noisy_log = train(Noisy, ranks)
    unequal, _ = train(Line, ranks, seed=ranks.rank)
    return {
        "line": (weights(line), line_log.curves, line.passed),
        "noisy": (weights(noisy), noisy_log.curves, noisy.noise),
        "log": (noisy_log.steps, noisy_log.images),
        "unequal": weights(unequal),
    }


def failing(folder: Path, rank_that_fails: int, error: BaseException) -> Callable[[World, Ranks], None]:
    """One rank fails at its first step of work, the other one waits for it."""

    def work(world: World, ranks: Ranks) -> None:
        if world.rank == rank_that_fails:
            raise error
        ranks.average_([torch.ones(3)])

    return work


def measuring_alone(world: World, ranks: Ranks) -> None:
    """Rank 0 goes on when the others are done, and fails."""
    if world.rank == 0:
        raise OSError("no space left")


def stopped(folder: Path) -> Callable[[World, Ranks], None]:
    def report(progress: Progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    def work(world: World, ranks: Ranks) -> None:
        train(Noisy, ranks, checkpoint=folder / "checkpoint", report=report)

    return work


def resumed(folder: Path) -> Callable[[World, Ranks], dict[str, Any]]:
    def work(world: World, ranks: Ranks) -> dict[str, Any]:
        stage, log = train(Noisy, ranks, checkpoint=folder / "checkpoint")
        assert isinstance(stage, Noisy)
        return {"weights": weights(stage), "steps": len(stage.noise), "curves": log.curves}

    return work


def diverging(world: World, ranks: Ranks) -> None:
    train(Noisy, ranks, options=(1, 5))


def killed(world: World, ranks: Ranks) -> None:
    if world.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    ranks.wait()


def main(scenario: str, folder: Path) -> None:
    world = processes()
    assert world is not None
    works: dict[str, Callable[[World, Ranks], Any]] = {
        "exchange": exchange,
        "rank 1 fails": failing(folder, 1, ValueError("the toy broke")),
        "rank 0 fails": failing(folder, 0, OSError("no space left")),
        "rank 0 is interrupted": failing(folder, 0, KeyboardInterrupt()),
        "rank 0 fails alone": measuring_alone,
        "training": training,
        "stopped": stopped(folder),
        "resumed": resumed(folder),
        "diverging": diverging,
        **{name: model(*names) for name, names in MODELS.items()},
        "exchange again": exchange,
    }
    if scenario == "killed":
        works = {"killed": killed, "the next": exchange}
    seen: dict[str, Any] = {}
    for number, (name, work) in enumerate(works.items()):
        started = time.monotonic()
        try:
            with world.job(number) as ranks:
                seen[name] = work(world, ranks)
        except (RankError, ValueError, OSError, DivergedError, KeyboardInterrupt) as error:
            seen[name] = (type(error).__name__, str(error))
        seen[f"seconds of {name}"] = time.monotonic() - started
        torch.save(seen, folder / f"{world.rank}.pt")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
