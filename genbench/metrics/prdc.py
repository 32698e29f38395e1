"""Precision, recall, density and coverage: how two sets of images lie in each other's neighbourhoods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import Features, Metric
from genbench.metrics.checks import problem
from genbench.metrics.options import PRDCOptions
from genbench.metrics.reference import ReferencePart
from genbench.statistics.standard_errors import (
    delta_standard_error,
    jackknife_standard_error,
    proportion_standard_error,
)

BLOCK = 512  # rows of a distance matrix in memory at once

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

    def __init__(self, options: PRDCOptions) -> None:
        self.k = options.k
        self._reference = ReferencePart(options.reference_limit, lambda images: balls_around(images, options.k))

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """More than k images a side, with finite features of equal width."""
        return problem(generated, reference, at_least=self.k + 1)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "precision", "recall" and "coverage" in [0, 1], "density" >= 0, given the reference."""
        given = self._reference(reference)
        n, r, k = len(generated), len(given.points), self.k
        counts = count(generated.features.double(), given, k)
        inside = int((counts.balls > 0).sum())
        results = {
            "precision": (inside / n, proportion_standard_error(inside, n), "P(inside the reference's balls)"),
            "recall": (
                counts.recalled / r,
                _share_standard_error(counts.recalled, counts.recalled_without, r),
                "E[recall] at this n",
            ),
            "density": (float(counts.balls.mean()) / k, delta_standard_error(counts.balls / k), "E[density]"),
            "coverage": (
                counts.covered / r,
                _share_standard_error(counts.covered, counts.covered_without, r),
                "E[coverage] at this n",
            ),
        }
        return {
            name: Measurement(
                value,
                error,
                f"{what}, over draws of the generated images, given the reference of {r}",
                n,
                Direction.HIGHER,
            )
            for name, (value, error, what) in results.items()
        }


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
    """The reference's own part: `centre` [d], the images less it [r, d], and the squared distance of each to its k-th
    nearest other [r].
    """

    centre: Tensor
    points: Tensor
    reach: Tensor


def balls_around(reference: Tensor, k: int) -> Balls:
    """The k-nearest-neighbour balls around float64 features [r, d]."""
    # Distances are differences of squares: near the origin they keep their digits. A median is one of the data, so
    # features that never vary become exactly 0.
    centre = reference.median(0).values
    points = reference - centre
    return Balls(centre, points, _neighbours(points, k)[1][:, k - 1])


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
    """Counts from float64 features [n, d]; every distance to the reference is computed once.

    Leaving a generated image out removes its ball, and grows the balls of those it is a near neighbour of to their next
    neighbour: both are read off the same distances, so the jackknife is exact and costs no second pass.
    """
    generated = generated - reference.centre
    tie = TIE * float(torch.cat([generated, reference.points]).square().sum(1).mean())
    neighbours, reaches = _neighbours(generated, k)
    nearest, radius, next_radius = neighbours[:, :k], reaches[:, k - 1] - tie, reaches[:, k] - tie

    balls, covered_without, recalled_without = torch.zeros(3, len(generated), dtype=torch.float64)
    covered = recalled = 0
    limits = reference.reach - tie
    for rows, limit in zip(torch.split(reference.points, BLOCK), torch.split(limits, BLOCK), strict=True):
        distances = _squared_distances(rows, generated)

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


def _neighbours(points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k + 1 nearest others of each point, nearest first, and their squared distances [n, k + 1].

    Each pair of points is visited once: a strip of distances serves its rows and, transposed, its columns. Where there
    are only k others, the last distance is infinite.
    """
    nearest = torch.zeros(len(points), k + 1, dtype=torch.int64)
    distances = torch.full(nearest.shape, torch.inf, dtype=points.dtype)

    def offer(to: slice, squared: Tensor, first: int) -> None:
        found = squared.topk(min(k + 1, squared.shape[1]), largest=False)
        indices = torch.cat([nearest[to], found.indices + first], 1)
        kept = torch.cat([distances[to], found.values], 1).topk(k + 1, largest=False)
        nearest[to], distances[to] = indices.gather(1, kept.indices), kept.values

    for start in range(0, len(points), BLOCK):
        rows = points[start : start + BLOCK]
        end = start + len(rows)
        squared = _squared_distances(rows, points[start:])
        squared.fill_diagonal_(torch.inf)
        offer(slice(start, end), squared, start)
        offer(slice(end, None), squared[:, len(rows) :].T, start)
    return nearest, distances


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances [len(a), len(b)], up to rounding (which may be below 0)."""
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(norms, a, b.T, alpha=-2)
