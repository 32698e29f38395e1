"""One run as typed values: what a composed config comes to, and the only thing that is passed on. Knows no Hydra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.interfaces.budget import Budget
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry

if TYPE_CHECKING:
    from genbench.interfaces.sampling import Grid, Guidance, Sampler, Schedule
    from genbench.interfaces.tasks import Task


@dataclass(frozen=True)
class TrainingPlan:
    """`budget` replaces those of the model; `precision` is Lightning Fabric's word ("32-true")."""

    seed: int
    budget: Budget | None
    precision: str
    checkpoint_seconds: float


@dataclass(frozen=True)
class SamplingPlan:
    """How many images are drawn, in batches of which size, in which dtype ("float32" or "float64"), and whether on the
    compiled or captured path.
    """

    seed: int
    num_samples: int
    batch_size: int
    dtype: str
    fast: bool = False


@dataclass(frozen=True)
class TimingPlan:
    """Repeat until there are `repetitions` or `seconds` have passed (at least three), for each scenario."""

    repetitions: int
    seconds: float


@dataclass(frozen=True)
class ExtractionPlan:
    """How features are extracted: on which device ("cpu", "cuda"), how many images at a time."""

    device: str
    batch_size: int


@dataclass(frozen=True)
class Place:
    """Where a run stands: the sweep it is part of, the command that asked for it, its number among `jobs`, and its
    place on the axes of its list of overrides ({"model": "gan", "seed": "0"}), of which a command may have several.
    """

    sweep: str
    command: str
    number: int = 0
    jobs: int = 1
    of_list: int = 0
    axes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Everything that one run is asked to do.

    Samplers, tasks, schedules, grids and guidance are values: their `Choice.options` are the value itself. `config` is
    the composed config and `overrides` what was typed, both for the record only. `results` is absolute. `objective` is
    the key of the measurement that a search is told; "" for none. `catalogue` has every registered extractor and
    metric, by kind and name: a run measures again what an earlier command had measured of it.
    """

    model: Choice
    dataset: Choice
    task: Choice
    sampler: Choice
    schedule: Choice | None
    grid: Choice | None
    guidance: Choice | None
    features: Mapping[str, Choice]
    metrics: Mapping[str, Choice]
    tracking: Choice
    training: TrainingPlan
    sampling: SamplingPlan
    timing: TimingPlan
    extraction: ExtractionPlan
    device: str
    threads: int
    results: Path
    quick: bool
    objective: str
    place: Place
    config: Mapping[str, Any]
    overrides: tuple[str, ...] = ()
    catalogue: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Choice]:
        """The immutable values that change how images are drawn, by group, in a fixed order; what is not used is not
        there.
        """
        chosen = {"sampler": self.sampler, "schedule": self.schedule, "grid": self.grid, "guidance": self.guidance}
        return {group: choice for group, choice in chosen.items() if choice is not None}

    @property
    def choices(self) -> list[Choice]:
        """Every registered thing that the run uses."""
        one = [self.model, self.dataset, self.task, *self.values.values(), self.tracking]
        return [*one, *self.features.values(), *self.metrics.values()]

    @property
    def task_value(self) -> Task:
        """The task."""
        task: Task = self.task.options
        return task

    @property
    def sampler_value(self) -> Sampler:
        """The sampler."""
        sampler: Sampler = self.sampler.options
        return sampler

    @property
    def schedule_value(self) -> Schedule | None:
        """The schedule, for models that use one."""
        return self.schedule.options if self.schedule else None

    @property
    def grid_value(self) -> Grid | None:
        """The grid, for models that use one."""
        return self.grid.options if self.grid else None

    @property
    def guidance_value(self) -> Guidance | None:
        """The guidance, for models that use one."""
        return self.guidance.options if self.guidance else None
