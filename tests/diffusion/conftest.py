"""Tables on exact linear forms, and Gaussian data, of which everything is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

MEAN, STD = 0.7, 0.5


@pytest.fixture
def linear_form():
    """Runs a table on exact linear forms: a slot is the vector of its coefficients on (1, z_0, z_1, …), z_i being draw
    i, so that means and variances are exact. Gives the last state, from noise around `start`.
    """

    def run(table, denoise, start=0.0):
        draws = max(draw for row in table.rows for draw, _ in row.noise)
        slots = np.full((table.slots, 2 + draws), np.nan)
        for index, row in enumerate(table.rows):
            if row.call is not None:
                x = slots[row.source].copy()
                for memory in row.memories:
                    slots[memory.slot] = memory.on_state * x + memory.on_x0 * denoise(x, row.call)
            new = sum((weight * slots[slot] for slot, weight in row.weights), np.zeros(slots.shape[1]))
            new[0] += start if index == 0 else 0
            for draw, weight in row.noise:
                new[1 + draw] += weight
            slots[row.target] = new
        return slots[table.rows[-1].target]

    return run


class Gaussian:
    """Data N(MEAN, STD^2): its denoiser, and where the probability-flow ODE takes a state."""

    mean, std = MEAN, STD

    def denoise(self, x, level):
        """E[x_0 | x] of a state that is a linear form, or of values."""
        slope = level.alpha * STD**2 / (level.alpha**2 * STD**2 + level.sigma**2)
        offset = MEAN - slope * level.alpha * MEAN
        return slope * x + (offset * np.eye(1, len(x))[0] if isinstance(x, np.ndarray) else offset)

    def flow(self, start, end):
        """(a, b): the ODE takes noise sigma z at level `start` to a + b z at level `end`.

        x / alpha - MEAN scales with the standard deviation of all x / alpha, which is hypot(STD, sigma / alpha).
        """
        spread = np.hypot(end.alpha * STD, end.sigma) / np.hypot(start.alpha * STD, start.sigma)
        return MEAN * (end.alpha - start.alpha * spread), start.sigma * spread


@pytest.fixture
def gaussian():
    return Gaussian()
