"""Precision, recall, density and coverage: how two sets of images lie in each other's neighbourhoods."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.metrics.checks import incomparable
from genbench.metrics.options import PRDCOptions
from genbench.metrics.reference import ReferencePart
from genbench.statistics.standard_errors import (
    delta_standard_error,
    jackknife_standard_error,
    proportion_standard_error,
)

BLOCK = 1024  # images of one set whose features are in memory at once, and rows and columns of a tile of distances
DISTANCES = 2**22  # in memory at once where the rows must be whole: 32 MiB

TIE = 1e-12  # squared distances this close, in mean squared norms, are equal: rounding must not decide what is inside


class PRDC(Metric):
    """Shares of one set inside the k-nearest-neighbour balls of the other, in float64; higher is better.

    precision   generated images inside some reference ball
    recall      reference images inside some generated ball
    density     reference balls around a generated image, on average, over k
    coverage    reference balls that hold a generated image

    A ball reaches to the k-th nearest other image of its own set, which itself lies outside, as in the prdc package.
    Sources: Kynkäänniemi et al., Improved Precision and Recall Metric (2019), equations 1 and 2; Naeem et al.,
    Reliable Fidelity and Diversity Metrics (2020), equations 4 and 5.
    """

    reads = ("generated", "reference", "features")
    measures = (
        MeasureInfo(name="precision", heading="precision", kind="fidelity", direction="higher"),
        MeasureInfo(name="recall", heading="recall", kind="diversity", direction="higher"),
        MeasureInfo(name="density", heading="density", kind="fidelity", direction="higher"),
        MeasureInfo(name="coverage", heading="coverage", kind="diversity", direction="higher"),
    )

    def __init__(self, options: PRDCOptions | None = None) -> None:
        options = options or PRDCOptions()
        self.k, limit = options.k, options.reference_limit or None
        self._balls = ReferencePart(lambda reference: balls_around(reference[:limit], self.k))

    def unsupported(self, evidence: Evidence) -> str | None:
        """More than k images a side, with features of equal width."""
        return incomparable(evidence, at_least=self.k + 1)

    def measure(self, evidence: Evidence) -> Score:
        """Measures "precision", "recall" and "coverage" in [0, 1], "density" >= 0, given the reference."""
        generated, reference = evidence.features(), evidence.features("reference")
        assert generated is not None
        assert reference is not None
        balls, k = self._balls(reference), self.k
        counts, n, r = count(generated, balls, k), len(generated), len(balls.points)
        inside = int((counts.balls > 0).sum())
        shares = {
            "precision": (inside / n, proportion_standard_error(inside, n), "P(inside the reference's balls)"),
            "recall": (counts.recalled / r, _share_standard_error(counts.recalled, counts.recalled_without, r),
                       "E[recall] at this n"),
            "density": (float(counts.balls.mean()) / k, delta_standard_error(counts.balls / k), "E[density]"),
            "coverage": (counts.covered / r, _share_standard_error(counts.covered, counts.covered_without, r),
                         "E[coverage] at this n"),
        }  # fmt: skip
        return Score(
            {
                name: Measurement(
                    value=value,
                    standard_error=error,
                    standard_error_given_reference=error,
                    estimand=f"{what}, over draws of the generated images, given the reference of {r}",
                    n=n,
                )
                for name, (value, error, what) in shares.items()
            }
        )


def _share_standard_error(covered: int, covered_without: Tensor, r: int) -> float:
    """For a share of r reference images, from how it changes when each generated image is left out.

    The jackknife is too large for shares near 1. Two neighbourhoods that expect `a` generated images in common are
    empty together more often than by chance by a factor that rises as 1 - exp(-a), but the jackknife counts a. Of the
    lambda = -log(empty share) that each expects, overlapping ones share between nothing and all: half is taken.
    """
    common = math.log((r + 1) / (r + 1 - covered)) / 2
    saturation = -math.expm1(-common) / common if common else 1.0
    return math.sqrt(saturation) * jackknife_standard_error(covered_without / r)


@dataclass(frozen=True)
class Balls:
    """The reference's own part: its features [r, d], the centre [d] that they are measured from, the squared distance
    of each image to its k-th nearest other [r], and the mean squared distance to the centre.
    """

    points: Tensor
    centre: Tensor
    reach: Tensor
    spread: float


def balls_around(reference: Tensor, k: int) -> Balls:
    """The k-nearest-neighbour balls around features [r, d]."""
    # Distances are differences of squares: near the origin they keep their digits. A median is one of the data, so
    # features that never vary become exactly 0. It is taken a few columns at a time, which need to be copied.
    columns = torch.split(reference, max(1, DISTANCES // len(reference)), dim=1)
    centre = torch.cat([part.median(0).values for part in columns]).double()
    reach = _neighbours(reference, centre, k)[1][:, k - 1]
    return Balls(reference, centre, reach, _spread(reference, centre))


@dataclass(frozen=True)
class Counts:
    """What one pass over the distances between n generated and r reference images gives.

    `balls` [n]: reference balls around each generated image. `covered`: reference balls that hold one. `recalled`:
    reference images in generated balls. The `without` tensors [n] say how the two change when an image is left out.
    """

    balls: Tensor
    covered: int
    covered_without: Tensor
    recalled: int
    recalled_without: Tensor


def count(generated: Tensor, reference: Balls, k: int) -> Counts:
    """Counts from features [n, d]; every distance to the reference is computed once.

    Leaving a generated image out removes its ball, and grows the balls of those it is a near neighbour of to their next
    neighbour: both are read off the same distances, so the jackknife is exact and costs no second pass.
    """
    n, r, centre = len(generated), len(reference.points), reference.centre
    tie = TIE * (n * _spread(generated, centre) + r * reference.spread) / (n + r)
    neighbours, reaches = _neighbours(generated, centre, k)
    nearest, radius, next_radius = neighbours[:, :k], reaches[:, k - 1] - tie, reaches[:, k] - tie

    balls, covered_without, recalled_without = torch.zeros(3, n, dtype=torch.float64)
    covered = recalled = 0
    limits = reference.reach - tie
    size = max(1, min(BLOCK, DISTANCES // n))
    for rows, limit in zip(_blocks(reference.points, centre, size), torch.split(limits, size), strict=True):
        distances = torch.cat([_squared_distances(rows, block) for block in _blocks(generated, centre)], 1)

        holds = distances < limit[:, None]
        balls += holds.sum(0)
        held = holds.sum(1)
        covered += int((held > 0).sum())
        covered_without -= holds[held == 1].sum(0)

        inside = distances < radius
        around = inside.sum(1)
        recalled += int((around > 0).sum())
        inside, enters = inside[around <= 1], (distances < next_radius)[around <= 1]
        row, ball = (enters & ~inside).nonzero(as_tuple=True)
        grown = torch.zeros_like(inside)
        grown[row[:, None], nearest[ball]] = True
        alone = inside.any(1, keepdim=True)
        recalled_without += (grown & ~alone).sum(0)
        recalled_without -= (inside & ~grown).sum(0)
    return Counts(balls, covered, covered_without, recalled, recalled_without)


def _neighbours(points: Tensor, centre: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k + 1 nearest others of each point, nearest first, and their squared distances [n, k + 1].

    Each pair of points is visited once: a tile of distances serves its rows and, transposed, its columns. Where there
    are only k others, the last distance is infinite.
    """
    nearest = torch.zeros(len(points), k + 1, dtype=torch.int64)
    distances = torch.full(nearest.shape, torch.inf, dtype=torch.float64)

    def offer(to: slice, squared: Tensor, first: int) -> None:
        closest = squared.topk(min(k + 1, squared.shape[1]), largest=False)
        indices = torch.cat([nearest[to], closest.indices + first], 1)
        kept = torch.cat([distances[to], closest.values], 1).topk(k + 1, largest=False)
        nearest[to], distances[to] = indices.gather(1, kept.indices), kept.values

    for start, rows in zip(range(0, len(points), BLOCK), _blocks(points, centre), strict=True):
        here = slice(start, start + len(rows))
        for shift, columns in zip(range(start, len(points), BLOCK), _blocks(points[start:], centre), strict=True):
            squared = _squared_distances(rows, columns)
            if shift == start:
                squared.fill_diagonal_(torch.inf)
            offer(here, squared, shift)
            if shift > start:
                offer(slice(shift, shift + len(columns)), squared.T, start)
    return nearest, distances


def _blocks(points: Tensor, centre: Tensor, size: int | None = None) -> Iterator[Tensor]:
    """The points, `size` (BLOCK) at a time, less the centre, float64."""
    for part in torch.split(points, size or BLOCK):
        yield part.double() - centre


def _spread(points: Tensor, centre: Tensor) -> float:
    """The mean squared distance to the centre."""
    return sum(float(block.square().sum()) for block in _blocks(points, centre)) / len(points)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances [len(a), len(b)], up to rounding (which may be below 0)."""
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(norms, a, b.T, alpha=-2)
