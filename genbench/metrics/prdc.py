"""Precision, recall, density and coverage: how two sets of images lie in each other's neighbourhoods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces import Direction, Features, Measurement, Metric
from genbench.metrics.checks import problem
from genbench.metrics.options import PRDCOptions
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
        if options.k < 1:
            raise ValueError(f"prdc: k must be at least 1, not {options.k}")
        self.k = options.k

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """More than k images a side, with finite features of equal width."""
        return problem(generated, reference, at_least=self.k + 1)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "precision", "recall" and "coverage" in [0, 1], "density" >= 0, given the reference."""
        n, r, k = len(generated), len(reference), self.k
        counts = count(generated.features.double(), reference.features.double(), k)
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
                value, error, f"{what}, over draws of the generated images, given the reference", n, Direction.HIGHER
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


def count(generated: Tensor, reference: Tensor, k: int) -> Counts:
    """Counts from float64 features [n, d] and [r, d]; every distance is computed once.

    Leaving a generated image out removes its ball, and grows the balls of those it is a near neighbour of to their next
    neighbour: both are read off the same distances, so the jackknife is exact and costs no second pass.
    """
    # Distances are differences of squares: near the origin they keep their digits. A median is one of the data, so
    # features that never vary become exactly 0.
    centre = reference.median(0).values
    generated, reference = generated - centre, reference - centre
    tie = TIE * float(torch.cat([generated, reference]).square().sum(1).mean())
    nearest, radius, next_radius = _neighbours(generated, k, tie)
    _, reference_radius, _ = _neighbours(reference, k, tie)

    balls, covered_without, recalled_without = torch.zeros(3, len(generated), dtype=torch.float64)
    covered = recalled = 0
    for rows, limits in zip(torch.split(reference, BLOCK), torch.split(reference_radius, BLOCK), strict=True):
        distances = _squared_distances(rows, generated)

        holds = distances < limits[:, None]
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


def _neighbours(points: Tensor, k: int, tie: float) -> tuple[Tensor, Tensor, Tensor]:
    """The k nearest others of each point [n, k]; the squared distances below which something is nearer than the k-th
    and than the next one [n].
    """
    indices, distances = [], []
    for start in range(0, len(points), BLOCK):
        rows = points[start : start + BLOCK]
        squared = _squared_distances(rows, points)
        squared[torch.arange(len(rows)), torch.arange(start, start + len(rows))] = torch.inf
        found = squared.topk(k + 1, largest=False)
        indices.append(found.indices[:, :k])
        distances.append(found.values[:, k - 1 :] - tie)
    radius, next_radius = torch.cat(distances).unbind(1)
    return torch.cat(indices), radius, next_radius


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances [len(a), len(b)], up to rounding (which may be below 0)."""
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(norms, a, b.T, alpha=-2)
