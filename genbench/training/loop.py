"""The one training loop: budgets, averaged weights, checkpoints and resume, progress, and the watch for NaN."""

from __future__ import annotations

import copy
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from genbench.drawing.seeds import mix
from genbench.errors import DivergedError
from genbench.images import to_unit_range
from genbench.interfaces.drawing import Generator
from genbench.interfaces.training import Batch, LearningRate, Stage, StageSpec, TrainingView
from genbench.training.signals import hold_interrupts

REPORTS = 100  # points on a stage's training curve, and looks at whether it has diverged


BEFORE_THE_FIRST_STEP = -1


@dataclass(frozen=True)
class TrainingSettings:
    """How every model is trained. `steps` or `images`, where given, replace the budget of each stage."""

    seed: int
    steps: int | None = None
    images: int | None = None
    checkpoint_seconds: float = 20.0

    def budget(self, spec: StageSpec) -> StageSpec:
        """The stage's own budget, or the one asked for."""
        if self.images is not None:
            return replace(spec, steps=math.ceil(self.images / spec.batch_size))
        return spec if self.steps is None else replace(spec, steps=self.steps)


@dataclass(frozen=True)
class Progress:
    """Where training stands, for the terminal and the training curves."""

    stage: str
    step: int
    steps: int
    seconds: float
    losses: Mapping[str, float]


@dataclass
class TrainingLog:
    """What training cost. `seconds` counts work only, over all sittings; `steps` and `images` over all stages."""

    seconds: float = 0.0
    steps: int = 0
    images: int = 0
    curves: list[dict[str, Any]] = field(default_factory=list)


def train(
    generator: Generator,
    view: TrainingView,
    settings: TrainingSettings,
    fabric: Fabric,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> TrainingLog:
    """Train every stage of a freshly constructed generator, going on from `checkpoint` where that file exists.

    Raises DivergedError as soon as a loss is not finite.
    """
    saved = (
        torch.load(checkpoint, map_location=fabric.device, weights_only=True)
        if checkpoint and checkpoint.exists()
        else None
    )
    log = TrainingLog(**saved["log"]) if saved else TrainingLog()
    finished: list[dict[str, dict[str, Tensor]]] = saved["finished"] if saved else []

    def save(stage: dict[str, Any] | None) -> None:
        if checkpoint:
            _save(checkpoint, {"log": vars(log), "finished": finished, "stage": stage})

    stages = iter(generator.stages(view))
    for index in itertools.count():
        # What a stage builds for itself is then the same whether the one before was trained just now or long ago.
        _seed(mix(settings.seed, index, BEFORE_THE_FIRST_STEP), fabric.device)
        if (stage := next(stages, None)) is None:
            break
        modules = {name: module.to(fabric.device) for name, module in stage.modules().items()}
        if index < len(finished):
            for name, module in modules.items():
                module.load_state_dict(finished[index][name])
                module.eval()
            continue
        run = _StageRun(stage, index, modules, view, settings, fabric)
        if saved and saved["stage"] is not None:
            run.load_state(saved["stage"])
        saved = None
        before = log.seconds, log.steps, log.images

        _run_stage(run, log, settings, report, save)
        run.finish()
        log.seconds = before[0] + run.seconds
        log.steps, log.images = before[1] + run.spec.steps, before[2] + run.spec.steps * run.spec.batch_size
        finished.append({name: module.state_dict() for name, module in modules.items()})
        save(None)
    return log


def _run_stage(
    run: _StageRun,
    log: TrainingLog,
    settings: TrainingSettings,
    report: Callable[[Progress], None],
    save: Callable[[dict[str, Any]], None],
) -> None:
    """Train one stage to its end, saving now and then, and before an interrupt is honoured."""
    last_save = time.monotonic()
    started = time.perf_counter() - run.seconds
    with hold_interrupts() as interrupt:
        for progress in run:
            run.seconds = time.perf_counter() - started
            if progress is not None:
                log.curves.append({"stage": progress.stage, "step": progress.step, **progress.losses})
                report(replace(progress, seconds=run.seconds))
            if interrupt.waiting or time.monotonic() - last_save > settings.checkpoint_seconds:
                save(run.state())
                last_save = time.monotonic()
            interrupt.honour()


class _StageRun:
    """One stage in training: iterating trains it, yielding Progress at every report and None between."""

    def __init__(
        self,
        stage: Stage,
        index: int,
        modules: dict[str, nn.Module],
        view: TrainingView,
        settings: TrainingSettings,
        fabric: Fabric,
    ) -> None:
        self.stage, self.index, self.modules, self.view, self.fabric = stage, index, modules, view, fabric
        self.spec, self.seed = settings.budget(stage.spec), settings.seed
        self.averages = _Averages({name: modules[name] for name in stage.averaged()}) if self.spec.ema else None
        self.optimizers = dict(stage.optimizers())
        self.rates = {
            name: [group["lr"] for group in optimizer.param_groups] for name, optimizer in self.optimizers.items()
        }
        self.order = _Order(len(view.images), mix(settings.seed, index))
        self.step = 0
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Progress | None]:
        every = max(1, self.spec.steps // REPORTS)
        while self.step < self.spec.steps:
            for module in self.modules.values():
                module.train()
            self._set_rates()
            _seed(mix(self.seed, self.index, self.step), self.fabric.device)
            with self.fabric.autocast():
                losses = self.stage.step(self._batch(), self._update)
            if self.averages:
                self.averages.update(min(self.spec.ema, (1 + self.step) / (10 + self.step)))
            self.step += 1
            due = self.step % every == 0 or self.step == self.spec.steps
            yield self._progress(losses) if due else None

    def finish(self) -> None:
        """Put the averaged weights in place and look whether they are finite."""
        if self.averages:
            self.averages.copy_to_modules()
        for name, module in self.modules.items():
            module.eval()
            for key, value in module.state_dict().items():
                if value.is_floating_point() and not bool(value.isfinite().all()):
                    raise DivergedError(f"stage '{self.spec.name}': weights {name}.{key} are not finite after training")

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, exactly."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "averages": self.averages.values if self.averages else None,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.step, self.seconds = state["step"], state["seconds"]
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        if self.averages:
            self.averages.load(state["averages"])

    def _batch(self) -> Batch:
        indices = self.order.batch(self.step, self.spec.batch_size).to(self.fabric.device)
        conditions = {name: values[indices] for name, values in self.view.conditions.items()}
        images = to_unit_range(self.view.images[indices])
        return Batch(images, indices, conditions, self.step, self.step / self.spec.steps)

    def _update(self, loss: Tensor, optimizer: str) -> None:
        for other in self.optimizers.values():
            other.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.spec.clip_norm is not None:
            parameters = [p for group in self.optimizers[optimizer].param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.spec.clip_norm)
        self.optimizers[optimizer].step()

    def _set_rates(self) -> None:
        factor = min(1.0, (self.step + 1) / (self.spec.warmup_steps + 1))
        if self.spec.learning_rate is LearningRate.COSINE:
            factor *= 0.5 * (1 + math.cos(math.pi * self.step / self.spec.steps))
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor

    def _progress(self, losses: Mapping[str, Tensor]) -> Progress:
        values = {name: float(value) for name, value in losses.items()}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise DivergedError(f"stage '{self.spec.name}', step {self.step}: loss '{bad[0]}' is {values[bad[0]]}")
        return Progress(self.spec.name, self.step, self.spec.steps, 0.0, values)


class _Averages:
    """Exponential moving averages of the floating-point state of some modules; the rest of the state is copied."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.modules = modules
        self.values = {name: copy.deepcopy(module.state_dict()) for name, module in modules.items()}
        # state_dict() aliases the parameters, so the pairs are listed once and not at every step.
        pairs = [(self.values[name][key], now) for name in modules for key, now in modules[name].state_dict().items()]
        self._floating = [pair for pair in pairs if pair[1].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[1].is_floating_point()]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        averages, now = [pair[0] for pair in self._floating], [pair[1] for pair in self._floating]
        torch._foreach_lerp_(averages, now, 1 - decay)
        for average, value in self._others:
            average.copy_(value)

    def load(self, values: Mapping[str, Mapping[str, Tensor]]) -> None:
        for name, state in values.items():
            for key, value in state.items():
                self.values[name][key].copy_(value)

    def copy_to_modules(self) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(self.values[name])


class _Order:
    """Endless epochs over n images, each in its own order; the batch of any step is known without the ones before."""

    def __init__(self, n: int, seed: int) -> None:
        self.n, self.seed = n, seed
        self._epoch: tuple[int, Tensor] = (-1, torch.empty(0))

    def batch(self, step: int, size: int) -> Tensor:
        """int64 indices [size] of this step."""
        start, stop, parts = step * size, (step + 1) * size, []
        while start < stop:
            epoch, offset = divmod(start, self.n)
            taken = min(self.n - offset, stop - start)
            parts.append(self._permutation(epoch)[offset : offset + taken])
            start += taken
        return torch.cat(parts)

    def _permutation(self, epoch: int) -> Tensor:
        if self._epoch[0] != epoch:
            generator = torch.Generator().manual_seed(mix(self.seed, epoch))
            self._epoch = epoch, torch.randperm(self.n, generator=generator)
        return self._epoch[1]


def _seed(seed: int, device: torch.device) -> None:
    """torch.manual_seed for one device: for all of them it costs a millisecond, at every step (measured on a CPU)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)


def _save(path: Path, content: dict[str, Any]) -> None:
    side = path.with_suffix(".writing")
    torch.save(content, side)
    os.replace(side, path)
