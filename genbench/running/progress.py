"""What a run says while it works: a live bar on a terminal, plain lines elsewhere, and always a line in its log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from genbench.training.progress import Progress as TrainingProgress

SILENCE = 5.0  # seconds between two plain progress lines


class Progress:
    """Speaks for one run. Use as a context manager: the bar goes away when the run ends, however it ends.

    Without `live` there is no bar even on a terminal, for runs that share it with others. Without a log, as on ranks
    other than 0, nothing is said at all. `heard` is told of every activity, for whoever watches the job.
    """

    def __init__(
        self,
        name: str,
        log: Path | None,
        live: bool = True,
        console: Console | None = None,
        heard: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name, self.log, self.live, self.heard = name, log, live, heard
        self.console = console or Console(file=sys.stderr, highlight=False)
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._activity = ""
        self._last = 0.0

    def __enter__(self) -> Progress:
        if self.live and self.log is not None and self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._write(text)
        if self.log is not None:
            self.heard(text)
            self.console.print(f"[{self.name}] {text}", markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A line for the log only."""
        self._write(text)

    def progress(self, activity: str, done: int, total: int, detail: str = "") -> None:
        """How far the current activity is; cheap to call often."""
        if self.log is None:
            return
        line = f"{activity} {done}/{total}{detail and f' · {detail}'}"
        if self._bar:
            if self._task is None or activity != self._activity:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(f"[{self.name}] {activity}".replace("[", r"\["), total=total)
            self._bar.update(self._task, completed=done, description=f"\\[{self.name}] {line}")
        if activity != self._activity or time.monotonic() - self._last > SILENCE:
            if not self._bar:
                self.console.print(f"[{self.name}] {line}", markup=False, soft_wrap=True)
            self.heard(line)
            self._last = time.monotonic()
        self._activity = activity

    def training(self, state: TrainingProgress) -> None:
        """How far the training of a stage is, with its losses."""
        losses = " ".join(f"{name} {value:.4g}" for name, value in state.scalars.items())
        self.progress(f"training {state.stage}", state.step, state.steps, losses)

    def _write(self, text: str) -> None:
        if self.log is None:
            return
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")


def announce(text: str) -> None:
    """One line outside any run."""
    Console(file=sys.stderr, highlight=False).print(text, markup=False, soft_wrap=True)
