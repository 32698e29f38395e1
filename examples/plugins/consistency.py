"""A loose plugin with one sampler: predict the image, add noise again, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from genbench import hookimpl
from genbench.diffusion.tables import DATA, Level, Row, Table


@dataclass(frozen=True)
class Consistency:
    """x' = alpha' x0_hat + sigma' z with fresh noise z, one network evaluation a step (Song et al. 2023, arXiv
    2303.01469, algorithm 1).
    """

    family: ClassVar[str] = "diffusion"

    steps: int = 18

    def table(self, schedule, times):
        """The trajectory through strictly decreasing times: the state is in slot 0, the prediction in slot 1."""
        alpha, sigma = schedule.alpha_sigma(times)
        levels = [Level(float(a), float(s), float(t)) for a, s, t in zip(alpha, sigma, times, strict=True)]
        levels[-1] = DATA
        rows = [Row(0, levels[0], noise=((0, levels[0].sigma),))]
        for draw, (here, there) in enumerate(pairwise(levels), start=1):
            rows.append(Row(0, there, weights=((1, there.alpha),), noise=((draw, there.sigma),), call=here))
        return Table(tuple(rows), slots=2)


@hookimpl
def genbench_register(registry):
    """The fields of the dataclass become options: sampler.steps."""
    registry.value("sampler", "consistency", Consistency, summary="predicts the image and adds noise again")
