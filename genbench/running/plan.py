"""One run as typed values: what a composed config comes to. Knows no Hydra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from genbench.interfaces.drawing import Grid, Guidance, Sampler, Schedule
    from genbench.registry.entries import Entry
    from genbench.running.tasks import Task


@dataclass(frozen=True)
class Choice:
    """A registered entry with its options."""

    entry: Entry
    options: Any

    def build(self) -> Any:
        """Call the entry with its options, importing it now."""
        return self.entry.load()(self.options)


@dataclass(frozen=True)
class TrainingPlan:
    """`steps` or `images` replace each stage's own budget; `precision` is Lightning Fabric's word ("32-true")."""

    seed: int
    steps: int | None
    images: int | None
    precision: str
    checkpoint_seconds: float


@dataclass(frozen=True)
class SamplingPlan:
    """How many images are drawn, in batches of which size, in which dtype ("float32" or "float64")."""

    seed: int
    num_samples: int
    batch_size: int
    dtype: str


@dataclass(frozen=True)
class TimingPlan:
    """Repeat until there are `repetitions` or `seconds` have passed (at least three), for each scenario."""

    repetitions: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """Everything that one run is asked to do. `config` is the composed config it came from, as plain values."""

    model: Choice
    dataset: Choice
    task: Task
    sampler: Sampler
    schedule: Schedule | None
    grid: Grid | None
    guidance: Guidance | None
    features: dict[str, Choice]
    metrics: dict[str, Choice]
    tracking: Choice
    training: TrainingPlan
    sampling: SamplingPlan
    timing: TimingPlan
    seed: int
    device: str
    threads: int
    results: Path
    quick: bool
    config: dict[str, Any]
