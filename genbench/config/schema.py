"""The typed root of the config; the groups below it are mirrored from the registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING as REQUIRED
from dataclasses import Field, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import II, MISSING


class Dtype(Enum):
    """The floating-point type that images are drawn in."""

    float32 = "float32"
    float64 = "float64"


class Precision(Enum):
    """How training computes, in Lightning Fabric's words."""

    full = "32-true"
    bfloat16 = "bf16-mixed"


def setting(default: Any, line: str) -> Any:
    """A field with the line that `genbench list` says of it."""
    return field(default=default, metadata={"line": line})


@dataclass
class TrainingConfig:
    """How every model is trained."""

    seed: int = setting(II("seed"), "of initial weights, order of batches and noise; the root's seed by default")
    budget: str | None = setting(None, "steps:N for each stage, or images:N for all stages of a model together")
    precision: Precision = setting(Precision.full, "full, or bfloat16 for forward passes and losses")
    checkpoint_seconds: float = setting(20.0, "how often a training saves what it would go on from")


@dataclass
class SamplingConfig:
    """How images are drawn for scoring."""

    seed: int = setting(II("seed"), "of the images' keys; the root's seed by default")
    num_samples: int = setting(1500, "how many images are drawn and scored")
    batch_size: int = setting(250, "images drawn at a time, also under the clock")
    steps: int = setting(18, "steps of every sampler that has steps; sampler.steps wins")
    dtype: Dtype = setting(Dtype.float32, "what images are computed in: float32 or float64")
    fast: bool = setting(False, "draw on the compiled or captured path of the model, where it has one")


@dataclass
class TimingConfig:
    """How long the clock looks."""

    repetitions: int = setting(10, "each scenario is repeated until there are so many runs")
    seconds: float = setting(4.0, "or until so many seconds have passed")


@dataclass
class ExtractionConfig:
    """How features are extracted."""

    device: str = setting("cpu", "where networks of extractors run: cpu or cuda")
    batch_size: int = setting(64, "images seen at a time")


@dataclass
class PlaceConfig:
    """Where a job stands; filled in by genbench, so that a job needs nothing but its config. `axes` are "key=value",
    `overrides` what was typed.
    """

    sweep: str = ""
    command: str = ""
    number: int = 0
    jobs: int = 1
    of_list: int = 0
    axes: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)


@dataclass
class RootConfig:
    """What every run has."""

    seed: int = setting(0, "the default of training.seed and sampling.seed")
    device: str = setting("auto", "where models train and draw: auto, cpu, cuda, cuda:1, …")
    threads: int = setting(1, "threads of the processor, also under the clock")
    results: str = setting("results", "the folder that keeps everything")
    quick: bool = setting(False, "toy budgets: numbers are marked and not ranked")
    objective: str = setting("", "the measurement that a job returns to a search, such as digits/frechet_distance")
    model: Any = MISSING
    dataset: Any = MISSING
    task: Any = MISSING
    sampler: Any = MISSING
    schedule: Any = MISSING
    grid: Any = MISSING
    guidance: Any = MISSING
    tracking: Any = MISSING
    features: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    timing: TimingConfig = field(default_factory=TimingConfig)
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)
    sweep: list[Any] | None = setting(None, "lists of overrides, each multiplied out by itself: for experiment presets")
    place: PlaceConfig = field(default_factory=PlaceConfig)


SECTIONS = ("training", "sampling", "timing", "extraction")
HIDDEN = ("place", "sweep")
"""Parts of the root that are not settings: a job's place is filled in, `sweep` stands in presets only."""


@dataclass(frozen=True)
class Setting:
    """One setting of the root, as listings show it."""

    name: str
    type: str
    default: str
    line: str


def settings() -> Iterator[Setting]:
    """Every setting of the root, by its full name."""
    yield from _settings(RootConfig, "")
    for section in SECTIONS:
        cls = next(option.default_factory for option in fields(RootConfig) if option.name == section)
        yield from _settings(cls, f"{section}.")


def _settings(cls: Any, prefix: str) -> Iterator[Setting]:
    assert is_dataclass(cls)
    for option in fields(cls):
        if "line" in option.metadata and option.name not in HIDDEN:
            yield Setting(prefix + option.name, _type(option), _default(option), option.metadata["line"])


def _type(option: Field[Any]) -> str:
    if isinstance(option.default, Enum):
        return " or ".join(type(option.default).__members__)
    return str(option.type)


def _default(option: Field[Any]) -> str:
    if option.default is None or option.default is REQUIRED:
        return "null"
    if isinstance(option.default, Enum):
        return option.default.name
    return str(option.default).lower() if isinstance(option.default, bool) else str(option.default)
