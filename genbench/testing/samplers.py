"""What every sampler must be, by its family, as tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest

from genbench.diffusion.tables import Row, Table
from genbench.interfaces.sampling import DiffusionSampler, Sampler, Schedule
from genbench.testing.schedules import installed_grids, installed_schedules
from genbench.testing.suite import ValueSuite

STEPS = (1, 2, 3, 8)
TOLERANCE = 1e-6


class SamplerConformance(ValueSuite):
    """Subclass it with the `name` that the sampler is registered by.

    Those of family "diffusion" are tried on every schedule and grid that is installed; of a family of a plugin's own
    only what all samplers share is known.
    """

    kind = "sampler"

    def test_it_names_its_family(self) -> None:
        family = self.build().family
        assert isinstance(family, str), f"family is {family!r}: it is the word by which generators decide"
        assert family, "family is empty: it is the word by which generators decide"

    def test_it_has_what_its_family_has(self) -> None:
        sampler = self.build()
        expected: dict[str, dict[str, type]] = {
            "one_shot": {"truncation": float},
            "raster": {"temperature": float, "cached": bool},
            "diffusion": {"steps": int},
        }
        for name, kind in expected.get(sampler.family, {}).items():
            value = getattr(sampler, name, None)
            assert isinstance(value, kind), (
                f"a sampler of family '{sampler.family}' has `{name}`, {kind.__name__}; this one has {value!r}, and"
                " generators read it (genbench/interfaces/sampling.py)"
            )
        if sampler.family == "raster":
            assert sampler.temperature > 0, "logits are divided by the temperature: it must be above 0"
        if sampler.family == "one_shot":
            assert sampler.truncation >= 0, "no latent exceeds the truncation, and 0 is none: it cannot be negative"

    def test_the_number_of_steps_can_be_set(self) -> None:
        sampler = self._diffusion()
        assert "steps" in [option.name for option in fields(sampler)], (  # type: ignore[arg-type]
            "`steps` is no field: sampling.steps sets it for every diffusion sampler"
        )

    def test_tables_can_be_computed(self) -> None:
        for where, _, table in self._tables():
            for row in table.rows:
                numbers = [*row.weights, *row.noise, *((0, bound) for bound in row.variance or ())]
                assert all(math.isfinite(number) for _, number in numbers), (
                    f"{where}: a row holds NaN or infinity: {row}; where alpha is 0 the first step is DDIM's"
                )
            nfe, calls = table.nfe(), sum(row.call is not None for row in table.rows)
            assert nfe == calls > 0, f"{where}: {nfe} evaluations for {calls} calls: a table must call the network"

    def test_drawing_begins_with_the_noise_of_the_first_time(self) -> None:
        for where, schedule, table in self._tables():
            alpha, sigma = (float(value[0]) for value in schedule.alpha_sigma(np.ones(1)))
            first = table.rows[0]
            assert first.noise[0][1] == pytest.approx(sigma), (
                f"{where}: the initial state has noise of deviation {first.noise[0][1]:g}, and sigma(1) is {sigma:g}"
            )
            assert first.level.alpha == pytest.approx(alpha), f"{where}: the first row's level is not that of t = 1"

    def test_a_constant_prediction_is_drawn(self) -> None:
        for where, _, table in self._tables():
            image, noise = _drawn(table)
            end = table.rows[-1].level
            assert image == pytest.approx(end.alpha, abs=TOLERANCE), (
                f"{where}: where the network always predicts the image k, {image:.6g} k is drawn, and the last level"
                f" has alpha = {end.alpha:g}: the weights of the rows do not add up"
            )
            assert noise == pytest.approx(end.sigma, abs=TOLERANCE), (
                f"{where}: where the network always predicts one image, noise of deviation {noise:.6g} is left, and the"
                f" last level has sigma = {end.sigma:g}"
            )
            assert end.sigma == 0, f"{where}: the last row's level is {end}: a trajectory ends in data (tables.DATA)"

    # ------------------------------------------------------------------------------------------------------- helpers

    def _diffusion(self) -> DiffusionSampler:
        sampler: Sampler = self.build()
        if sampler.family != "diffusion":
            pytest.skip(f"of family '{sampler.family}'")
        return sampler  # type: ignore[return-value]

    def _tables(self) -> Iterator[tuple[str, Schedule, Table]]:
        """Where, the schedule, and the table there: for every schedule, grid and some numbers of steps."""
        sampler = self._diffusion()
        for schedule_name, schedule in installed_schedules().items():
            for grid_name, grid in installed_grids().items():
                for steps in STEPS:
                    where = f"schedule={schedule_name} grid={grid_name} sampler.steps={steps}"
                    chosen: DiffusionSampler = replace(sampler, steps=steps)  # type: ignore[type-var]
                    try:
                        table = chosen.table(schedule, grid.times(schedule, steps))
                    except (ArithmeticError, ValueError) as error:
                        pytest.fail(f"{where}: table() raises {type(error).__name__}: {error}")
                    assert isinstance(table, Table), f"table() returns {type(table).__name__}: return a tables.Table"
                    yield where, schedule, table


def _drawn(table: Table) -> tuple[float, float]:
    """What a table makes of a network that always predicts the same image k: the weight of k in the result, and the
    deviation of the noise that is left in it. Linear algebra over (k, draw 0, draw 1, …), nothing is drawn.
    """
    draws = 1 + max(draw for row in table.rows for draw, _ in row.noise)
    slots = np.zeros((table.slots, 1 + draws))
    for row in table.rows:
        if row.call is not None:
            for memory in row.memories:
                slots[memory.slot] = memory.on_state * slots[row.source]
                slots[memory.slot, 0] += memory.on_x0
        slots[row.target] = _written(row, slots)
    result = slots[table.rows[-1].target]
    return float(result[0]), float(np.linalg.norm(result[1:]))


def _written(row: Row, slots: np.ndarray) -> np.ndarray:
    written = np.zeros(slots.shape[1])
    for slot, weight in row.weights:
        written += weight * slots[slot]
    for draw, weight in row.noise:
        written[1 + draw] += weight
    return written
