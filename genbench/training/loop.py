"""Training one stage from beginning to end: reports, checkpoints, interrupts, and when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch._dynamo  # noqa: F401 (the first optimizer imports it, in a second that must not count as training)

from genbench.errors import DivergedError
from genbench.interfaces.ranks import Alone, Ranks
from genbench.interfaces.training import Stage, StageSpec
from genbench.training import checkpoints
from genbench.training.optimisation import Optimisation
from genbench.training.progress import Progress, TrainingLog, Watch, divergence, latest
from genbench.training.signals import hold_interrupts
from genbench.training.view import SplitView

REPORTS = 100
"""Points on a stage's training curve, and looks at whether it has diverged."""

Report = Callable[[Progress], bool | None]
"""Called at every report, on rank 0; what it returns says whether to stop here."""


@dataclass(frozen=True)
class TrainingSettings:
    """How every stage is trained. `precision` is "32-true" or "bf16-mixed"; a checkpoint is written every so many
    seconds.
    """

    seed: int
    precision: str = "32-true"
    checkpoint_seconds: float = 20.0


def train_stage(
    stage: Stage,
    name: str,
    spec: StageSpec,
    view: SplitView,
    settings: TrainingSettings,
    ranks: Ranks | None = None,
    checkpoint: Path | None = None,
    report: Report = lambda progress: None,
) -> TrainingLog:
    """Train a freshly constructed stage, going on from the file `checkpoint` where it exists; it is left there.

    Called by all ranks; their logs differ in seconds only. Rank 0 alone reads and writes the checkpoint, calls `report`
    and honours an interrupt, after it has saved. Raises DivergedError with the first step at which a scalar was not
    finite: all ranks look for it at reports, and rank 0 also before it saves, so that no checkpoint holds NaN.
    """
    return _Sitting(stage, name, spec, view, settings, ranks or Alone(), checkpoint, report).train()


class _Sitting:
    """One process at one stage, until it is trained or interrupted."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        spec: StageSpec,
        view: SplitView,
        settings: TrainingSettings,
        ranks: Ranks,
        checkpoint: Path | None,
        report: Report,
    ) -> None:
        self.started = time.perf_counter()
        self.name, self.settings, self.ranks, self.report = name, settings, ranks, report
        self.file = checkpoint if ranks.rank == 0 else None
        self.log = TrainingLog(name)
        self.run = Optimisation(stage, name, spec, view, settings.seed, settings.precision, ranks)
        self.watch = Watch(view.device)
        self._begin()
        self.earlier = self.log.seconds

    def train(self) -> TrainingLog:
        run, log = self.run, self.log
        every, last_save = max(1, run.steps // REPORTS), time.monotonic()
        with hold_interrupts() as interrupt:
            while run.step < run.steps and not log.stopped:
                self.watch.see(run.step + 1, run.advance())
                if run.step % every == 0 or run.step == run.steps:
                    log.stopped = self._look()
                if self.ranks.rank:
                    continue
                if interrupt.waiting or time.monotonic() - last_save > self.settings.checkpoint_seconds:
                    self._save()
                    last_save = time.monotonic()
                interrupt.honour()
        interrupt.honour()
        run.finish()
        log.steps, log.images = run.step, run.step * run.spec.batch_size
        log.seconds = self._seconds()
        return log

    def _begin(self) -> None:
        """Start from the checkpoint, or from what rank 0 constructed: every rank from the same."""
        saved = self.file.read_bytes() if self.file and self.file.exists() else None
        if saved is None and self.ranks.count > 1 and self.ranks.rank == 0:
            saved = self._packed()
        if (shared := self.ranks.broadcast(saved)) is not None:
            content = checkpoints.unpacked(shared, self.run.view.device)
            self.run.load_state(content["run"])
            self.log = TrainingLog(**content["log"])

    def _look(self) -> bool:
        """Read the scalars of all ranks, and report. Whether to stop."""
        seen = self.ranks.gather(self.watch.read())
        scalars, trouble = self.ranks.broadcast((latest(seen), divergence(seen)))
        if trouble:
            raise DivergedError(f"stage '{self.name}', {trouble}")
        self.log.curves.append({**scalars, "step": self.run.step})
        self.log.seconds = self._seconds()
        stop = False
        if self.ranks.rank == 0:
            progress = Progress(self.name, self.run.step, self.run.steps, self.log.seconds, scalars)
            stop = bool(self.report(progress)) and self.run.step < self.run.steps
        return self.ranks.broadcast(stop)

    def _save(self) -> None:
        if trouble := divergence([self.watch.read()]):
            raise DivergedError(f"stage '{self.name}', {trouble}")
        if self.file:
            self.log.seconds = self._seconds()
            checkpoints.write(self.file, self._packed())

    def _packed(self) -> bytes:
        return checkpoints.packed({"run": self.run.state(), "log": asdict(self.log)})

    def _seconds(self) -> float:
        return self.earlier + time.perf_counter() - self.started
