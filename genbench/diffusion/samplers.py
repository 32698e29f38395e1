"""Diffusion samplers: which solver, with how many steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from genbench.diffusion import solvers

if TYPE_CHECKING:
    from genbench.diffusion.tables import Table
    from genbench.interfaces.drawing import Schedule

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DiffusionSampler(ABC):
    """A solver and its number of steps, which are intervals of the grid: `table(...).nfe` is the number of calls."""

    family: ClassVar[str] = "diffusion"

    steps: int = 18

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"a diffusion sampler needs steps >= 1, not {self.steps}")

    @abstractmethod
    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times (strictly decreasing, from a Grid) on this path."""


@dataclass(frozen=True)
class DDIM(DiffusionSampler):
    """DDIM: deterministic at eta 0, DDPM's noise at eta 1 (Song et al. 2021)."""

    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ValueError(f"ddim needs eta between 0 (deterministic) and 1 (ancestral), not {self.eta}")

    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times on this path."""
        return solvers.ddim(schedule, times, self.eta)


@dataclass(frozen=True)
class Ancestral(DiffusionSampler):
    """DDPM's ancestral sampler with the posterior variance (Ho et al. 2020)."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times on this path."""
        return solvers.ancestral(schedule, times)


@dataclass(frozen=True)
class Euler(DiffusionSampler):
    """Euler's method on the probability-flow ODE: first order, one evaluation a step."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times on this path."""
        return solvers.euler(schedule, times)


@dataclass(frozen=True)
class Heun(DiffusionSampler):
    """Heun's method on the probability-flow ODE: second order, 2 steps - 1 evaluations (Karras et al. 2022)."""

    def table(self, schedule: Schedule, times: Array) -> Table:
        """The trajectory through these times on this path."""
        return solvers.heun(schedule, times)
