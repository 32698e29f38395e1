"""The typed root of the config; the groups below it are mirrored from the registry."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass
class TrainingConfig:
    """`steps` or `images` replace the budget of each stage of every model; `seed` defaults to the root's."""

    seed: int = II("seed")
    steps: int | None = None
    images: int | None = None
    precision: Precision = Precision.full
    checkpoint_seconds: float = 20.0


@dataclass
class SamplingConfig:
    """How many images are drawn and scored, in batches of which size, in which dtype."""

    seed: int = II("seed")
    num_samples: int = 1500
    batch_size: int = 250
    dtype: Dtype = Dtype.float32


@dataclass
class TimingConfig:
    """Each scenario is repeated until there are `repetitions` runs or `seconds` have passed."""

    repetitions: int = 10
    seconds: float = 4.0


@dataclass
class RootConfig:
    """What every run has. `steps` is the default of every sampler that has steps; the others ignore it."""

    seed: int = 0
    steps: int = 18
    device: str = "auto"
    threads: int = 1
    results: str = "results"
    quick: bool = False
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
