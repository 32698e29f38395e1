"""How images are drawn: samplers and what those of each family have, noise paths, grids, guidance. Immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


class Sampler(Protocol):
    """How images are drawn: an immutable value, with no weights, device or hidden state.

    `family` says which generators understand it: "diffusion", "one_shot", "raster", or a plugin's own word. A generator
    decides by `family`, never by class, so what samplers of a family have is stated here.
    """

    @property
    def family(self) -> str:
        """The kind of generator that understands it."""
        ...


class OneShotSampler(Sampler, Protocol):
    """Family "one_shot": one forward pass on latent noise."""

    @property
    def truncation(self) -> float:
        """No latent value exceeds it in magnitude; 0 truncates nothing."""
        ...


class RasterSampler(Sampler, Protocol):
    """Family "raster": one value of a sequence after the other."""

    @property
    def temperature(self) -> float:
        """Logits are divided by it; above 0."""
        ...

    @property
    def cached(self) -> bool:
        """Whether activations of earlier positions are kept; the images are the same."""
        ...


class DiffusionSampler(Sampler, Protocol):
    """Family "diffusion": a table of host scalars, one row per step (genbench.diffusion.tables)."""

    @property
    def steps(self) -> int:
        """Intervals of the grid."""
        ...

    def table(self, schedule: Schedule, times: Array) -> Any:
        """The trajectory through these strictly decreasing times, float64 [steps + 1], as a Table."""
        ...


class Schedule(Protocol):
    """The noise path of a diffusion model: x_t = alpha(t) x_0 + sigma(t) eps, t in [0, 1], t = 0 is data.

    Values are host float64. alpha, sigma >= 0, never both 0; log-SNR = log(alpha^2 / sigma^2) strictly decreases in t.
    alpha(1) may be 0.
    """

    def alpha_sigma(self, t: Array) -> tuple[Array, Array]:
        """alpha(t) and sigma(t), of t's shape."""
        ...

    def t_at(self, log_snr: Array) -> Array:
        """The inverse: the time at which the log-SNR has this value, clipped to the ends of the path."""
        ...


class Grid(Protocol):
    """The times that a diffusion sampler visits."""

    def times(self, schedule: Schedule, steps: int) -> Array:
        """steps + 1 strictly decreasing times in [0, 1], from noise to data."""
        ...


class Level(Protocol):
    """A noise level of the path: host float64 scalars."""

    @property
    def alpha(self) -> float:
        """What is left of the image; may be 0 at pure noise."""
        ...

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise; 0 at data."""
        ...

    @property
    def log_snr(self) -> float:
        """log(alpha^2 / sigma^2): +inf at data, -inf where alpha is 0."""
        ...


class Guidance(Protocol):
    """How several predictions of x_0 are combined into one.

    Predictions have names: "conditional" is the network's own, "unconditional" the one without conditions; a model may
    offer others, and refuses those it has not.
    """

    memory: ClassVar[bool]
    """Whether `combine` keeps something between the rows of one run, in a tensor that every run clears."""

    def reads(self, log_snr: float) -> tuple[str, ...]:
        """The predictions that are needed at this noise level, at least one: known before the run, so that NFE is.
        A single one is used as it is.
        """
        ...

    def combine(
        self, predictions: Mapping[str, Tensor], source: Level, target: Level, fresh: float, memory: Tensor | None
    ) -> Tensor:
        """One prediction of x_0 [B, ...] from those, two or more, that were read at `source`, for a step to `target`
        that adds noise of standard deviation `fresh`. May work in place on the predictions and return one of them;
        writes to `memory` [B, ...], zeros when a run begins, what it remembers.
        """
        ...
