"""Sampler tables: a whole trajectory as host float64 scalars, known before anything runs.

Every solver of the field that does not adapt its step size is linear in past states, past predictions and fresh noise.
A table lists its steps over a pool of slots (tensors of one shape); row by row, in this order:

    slots[memory] = on_state * slots[source] + on_x0 * x0_hat(slots[source], call)      if the row has a call
    slots[target] = sum of weight * slots[slot] over `weights` + noise * z              z fresh standard normal

States and remembered predictions share the pool: a multistep solver rotates through memories, a two-stage one has a
second state, and one that extrapolates eps (PLMS, DEIS) remembers eps = (x - alpha x_0) / sigma through on_state and
on_x0. Rows without a call add noise: the first row of every table draws the initial state, churn and resampling are
others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One prediction of x_0 at the noise level alpha, sigma of time t."""

    alpha: float
    sigma: float
    t: float


@dataclass(frozen=True)
class Row:
    """One step of a table (the module says what it computes). `weights` are (slot, weight) pairs; the target's own
    weight, if it has one, comes first, because the sum is accumulated in place.
    """

    call: Call | None
    target: int
    weights: tuple[tuple[int, float], ...]
    noise: float = 0.0
    source: int = 0
    memory: int = 1
    on_state: float = 0.0
    on_x0: float = 1.0

    def __post_init__(self) -> None:
        if self.target in [slot for slot, _ in self.weights[1:]]:
            raise ValueError(f"the weight of a row's own target (slot {self.target}) must come first: {self.weights}")


@dataclass(frozen=True)
class Table:
    """A trajectory: its rows, and how many slots they use. The result is in the last row's target."""

    rows: tuple[Row, ...]
    slots: int

    @property
    def nfe(self) -> int:
        """Predictions per image. A guided one costs two network evaluations: `Trajectory.nfe` counts those."""
        return sum(row.call is not None for row in self.rows)
