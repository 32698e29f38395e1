"""The Kernel Inception Distance: the exact, unbiased squared maximum mean discrepancy of a cubic kernel."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import Features, Metric
from genbench.metrics.checks import problem
from genbench.metrics.options import KernelDistanceOptions
from genbench.metrics.reference import ReferencePart
from genbench.statistics.standard_errors import delta_standard_error

BLOCK = 1024  # rows and columns of the kernel matrix in memory at once: 8 MiB


class KernelDistance(Metric):
    """mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k(a, b) = (a'b / d + 1)^3, distinct pairs only; lower is better.

    Source: Bińkowski et al., Demystifying MMD GANs (2018), section 4; the estimator is Gretton et al., A Kernel
    Two-Sample Test (2012), equation 3. All pairs are used: the usual average over random subsets only adds noise to it.
    """

    def __init__(self, options: KernelDistanceOptions) -> None:
        self._reference = ReferencePart(options.reference_limit, lambda y: (y, own_means(y)))

    def unsupported(self, generated: Features, reference: Features) -> str | None:
        """At least two images a side, with finite features of equal width."""
        return problem(generated, reference)

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        """Measures "kid": unbiased, so slightly negative values are to be expected between equal populations."""
        y, y_own = self._reference(reference)
        value, standard_error = kernel_distance(generated.features.double(), y, y_own)
        estimand = (
            f"the squared MMD of the two populations (unbiased), over draws of both sets, {len(y)} in the reference"
        )
        return {"kid": Measurement(value, standard_error, estimand, len(generated), Direction.LOWER)}


def kernel_distance(x: Tensor, y: Tensor, y_own: Tensor) -> tuple[float, float]:
    """The distance between float64 samples [n, d] and [m, d], and its standard error from Hoeffding projections.

    `y_own` are the `own_means` of y.

    A projection is twice the mean kernel of one draw with its own set, less that with the other set. Between equal
    populations the projections vanish, the next term rules, and the standard error is up to sqrt(2) too large.
    """
    n, m = len(x), len(y)
    x_own = own_means(x)
    x_other, y_other = _cross_sums(x, y)
    x_other, y_other = x_other / m, y_other / n
    value = x_own.mean() + y_own.mean() - 2 * x_other.mean()
    return float(value), 2 * delta_standard_error(x_own - x_other, y_own - y_other)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """The kernel matrix [len(a), len(b)]."""
    inner = (a @ b.T).div_(a.shape[1]).add_(1)
    return inner * inner * inner


def own_means(x: Tensor) -> Tensor:
    """For each row, the mean of its kernel with every other row [n]; each pair of blocks is visited once."""
    sums = -((x.square().sum(1) / x.shape[1] + 1) ** 3)
    blocks = torch.split(x, BLOCK)
    parts = torch.split(sums, BLOCK)
    for i, rows in enumerate(blocks):
        for j in range(i, len(blocks)):
            kernel = _kernel(rows, blocks[j])
            parts[i].add_(kernel.sum(1))
            if j > i:
                parts[j].add_(kernel.sum(0))
    return sums / (len(x) - 1)


def _cross_sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The row sums [n] and column sums [m] of the kernel matrix between two sets."""
    rows, columns = torch.zeros_like(x[:, 0]), torch.zeros_like(y[:, 0])
    for a, row_part in zip(torch.split(x, BLOCK), torch.split(rows, BLOCK), strict=True):
        for b, column_part in zip(torch.split(y, BLOCK), torch.split(columns, BLOCK), strict=True):
            kernel = _kernel(a, b)
            row_part.add_(kernel.sum(1))
            column_part.add_(kernel.sum(0))
    return rows, columns
