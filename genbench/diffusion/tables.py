"""Sampler tables: a whole trajectory as host float64 scalars, known before anything runs.

Every solver of the field that does not adapt its step size is linear in past states, past predictions and fresh noise.
A table lists its steps over a pool of slots (tensors of one shape); row by row, in this order:

    slots[memory.slot] = memory.on_state * slots[source] + memory.on_x0 * x0_hat        for each memory, at a call
    slots[target] = sum of weight * slots[slot] over `weights` + sum of weight * z_draw over `noise`

with x0_hat predicted from slots[source] at the noise level `call`, and z_draw standard normal. Draws are numbered, so
that the stages of one step can share one. States and predictions share the pool: a multistep solver rotates through
memories, a two-stage one has a second state, and one that extrapolates eps (PLMS, DEIS) remembers eps = (x - alpha x_0)
/ sigma. Rows without a call add noise or mix: the first row of every table draws the initial state, churn and
resampling are others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from genbench.interfaces.drawing import DrawSpec
    from genbench.interfaces.sampling import DiffusionSampler, Guidance, Schedule

HOOK_DRAWS = 1 << 32
"""Draws below it are a table's; a hook at row i draws number HOOK_DRAWS + i."""

CONDITIONAL = "conditional"
"""The network's own prediction."""


@dataclass(frozen=True)
class Level:
    """The noise level alpha, sigma of time t."""

    alpha: float
    sigma: float
    t: float

    @property
    def log_snr(self) -> float:
        """log(alpha^2 / sigma^2): +inf at data, -inf where alpha is 0."""
        if self.sigma == 0:
            return math.inf
        return 2 * math.log(self.alpha / self.sigma) if self.alpha > 0 else -math.inf


DATA = Level(1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Memory:
    """What a call leaves in a slot: on_state * x + on_x0 * x0_hat. `prediction` names one of those that guidance
    combines, as the network gave it; None is the combined one, after clipping.
    """

    slot: int = 1
    on_state: float = 0.0
    on_x0: float = 1.0
    prediction: str | None = None


@dataclass(frozen=True)
class Row:
    """One step of a table (the module says what it computes), which takes the target to `level`.

    `weights` are (slot, weight) pairs, the target's own first if it has one, because the sum is accumulated in place;
    `noise` are (draw, weight) pairs. Where the network has learned variances, `variance` (low, high) replaces the
    weight of the only draw by a standard deviation per element: the network's extra output v interpolates
    log-linearly, from `low` at v = -1 to `high` at v = 1 (Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 15). Raises
    ValueError for a row that could not be computed so.
    """

    target: int
    level: Level
    weights: tuple[tuple[int, float], ...] = ()
    noise: tuple[tuple[int, float], ...] = ()
    call: Level | None = None
    source: int = 0
    memories: tuple[Memory, ...] = (Memory(),)
    variance: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.target in [slot for slot, _ in self.weights[1:]]:
            raise ValueError(f"the weight of a row's own target (slot {self.target}) must come first: {self.weights}")
        slots = [memory.slot for memory in self.memories]
        if self.call is not None and not slots:
            raise ValueError("a row with a call must remember its prediction")
        if self.call is not None and self.source in slots:
            raise ValueError(f"slot {self.source} is a row's source and its memory: remember in another slot")
        if len(set(slots)) < len(slots):
            raise ValueError(f"a row remembers two things in one slot: {slots}")
        if any(not 0 <= draw < HOOK_DRAWS for draw, _ in self.noise):
            raise ValueError(f"the draws of a row are numbered from 0 to {HOOK_DRAWS - 1}, not {self.noise}")
        if self.variance is not None:
            low, high = self.variance
            if self.call is None or len(self.noise) != 1 or not 0 < low <= high:
                raise ValueError(
                    f"variance bounds need a call, one draw and 0 < low <= high, not {self.variance} with {self.noise}"
                )

    @property
    def fresh(self) -> float:
        """The standard deviation of the noise that the row adds."""
        return math.hypot(*(weight for _, weight in self.noise))

    def reads(self, guidance: Guidance | None = None) -> tuple[str, ...]:
        """The predictions that the row's call needs: those that the guidance combines, then others it remembers."""
        if self.call is None:
            return ()
        names = (CONDITIONAL,) if guidance is None else guidance.reads(self.call.log_snr)
        remembered = (memory.prediction for memory in self.memories if memory.prediction is not None)
        return tuple(dict.fromkeys((*names, *remembered)))


@dataclass(frozen=True)
class Table:
    """A trajectory: its rows, and how many slots they use. The result is in the last row's target.

    Raises ValueError unless the first row is the initial state, which is draw 0 for every sampler, and every slot is
    written before it is read.
    """

    rows: tuple[Row, ...]
    slots: int

    def __post_init__(self) -> None:
        first = self.rows[0]
        if first.call is not None or [draw for draw, _ in first.noise] != [0]:
            raise ValueError("the first row of a table draws the initial state, without a call and as draw 0")
        written: set[int] = set()
        for row in self.rows:
            if row.call is not None:
                self._check(row.source, written)
                written |= {memory.slot for memory in row.memories}
            for slot, _ in row.weights:
                self._check(slot, written)
            written.add(row.target)
        if not written <= set(range(self.slots)):
            raise ValueError(f"a table of {self.slots} slots writes slots {sorted(written)}")

    def nfe(self, guidance: Guidance | None = None) -> int:
        """Network evaluations per image."""
        return sum(len(row.reads(guidance)) for row in self.rows)

    def predictions(self, guidance: Guidance | None = None) -> tuple[str, ...]:
        """The names of all predictions that are read on the way, each once."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.reads(guidance)))

    @staticmethod
    def _check(slot: int, written: set[int]) -> None:
        if slot not in written:
            raise ValueError(f"a row reads slot {slot} before anything is written to it")


def table_of(draw: DrawSpec, schedule: Schedule) -> Table:
    """The table that a DrawSpec asks for. Raises ValueError without a diffusion sampler and a grid."""
    if draw.sampler.family != "diffusion" or draw.grid is None:
        raise ValueError("a diffusion model draws with a diffusion sampler and a grid, such as heun and karras")
    sampler = cast("DiffusionSampler", draw.sampler)
    table: Table = sampler.table(schedule, draw.grid.times(schedule, sampler.steps))
    return table
