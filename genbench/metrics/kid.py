"""The Kernel Inception Distance: the exact, unbiased squared maximum mean discrepancy of a cubic kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import Evidence, Metric, Score
from genbench.metrics.checks import incomparable
from genbench.metrics.options import KernelDistanceOptions
from genbench.metrics.reference import ReferencePart
from genbench.statistics.standard_errors import delta_standard_error

BLOCK = 512  # rows and columns of the kernel matrix in memory at once: 2 MiB


class KernelDistance(Metric):
    """mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k(a, b) = (a'b / d + 1)^3, distinct pairs only; lower is better.

    Source: Bińkowski et al., Demystifying MMD GANs (2018), section 4; the estimator is Gretton et al., A Kernel
    Two-Sample Test (2012), equation 3. All pairs are used: the usual average over random subsets only adds noise to it.
    """

    reads = ("generated", "reference", "features")
    measures = (MeasureInfo(name="kid", heading="KID", kind="both", direction="lower"),)

    def __init__(self, options: KernelDistanceOptions | None = None) -> None:
        self.limit = (options or KernelDistanceOptions()).reference_limit
        self._own_means = ReferencePart(lambda y: own_means(self._limited(y)))

    def unsupported(self, evidence: Evidence) -> str | None:
        """At least two images a side, with features of equal width."""
        return incomparable(evidence)

    def measure(self, evidence: Evidence) -> Score:
        """Measures "kid": unbiased, so slightly negative values are to be expected between equal populations."""
        x, reference = evidence.features(), evidence.features("reference")
        assert x is not None
        assert reference is not None
        y = self._limited(reference)
        value, influence, other = kernel_distance(x, y, self._own_means(reference))
        measurement = Measurement(
            value=value,
            standard_error=delta_standard_error(influence, other),
            standard_error_given_reference=delta_standard_error(influence),
            estimand=(
                f"the squared MMD of the two populations (unbiased), over draws of both sets, {len(y)} in the reference"
            ),
            n=len(x),
        )
        return Score({"kid": measurement}, {"influence": influence.float().numpy()})

    def _limited(self, reference: Tensor) -> Tensor:
        return reference[: self.limit or None]


def kernel_distance(x: Tensor, y: Tensor, y_own: Tensor | None = None) -> tuple[float, Tensor, Tensor]:
    """The distance between samples [n, d] and [m, d], and the influence of each draw on it, float64 [n] and [m].

    `y_own` are the `own_means` of y, for whoever measures many samples against one.

    An influence is a Hoeffding projection: twice the mean kernel of one draw with its own set, less that with the other
    set. Between equal populations the projections vanish, the next term rules, and the standard error that follows from
    them is up to sqrt(2) too large.
    """
    x_own = own_means(x)
    y_own = own_means(y) if y_own is None else y_own
    x_other, y_other = _cross_sums(x, y)
    x_other, y_other = x_other / len(y), y_other / len(x)
    value = x_own.mean() + y_own.mean() - 2 * x_other.mean()
    return float(value), 2 * (x_own - x_other), 2 * (y_own - y_other)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """The kernel matrix [len(a), len(b)]."""
    inner = (a @ b.T).div_(a.shape[1]).add_(1)
    return inner.square().mul_(inner)


def own_means(x: Tensor) -> Tensor:
    """For each row, the mean of its kernel with every other row, float64 [n]; each pair of blocks is visited once."""
    sums = torch.zeros(len(x), dtype=torch.float64)
    blocks = torch.split(x, BLOCK)
    parts = torch.split(sums, BLOCK)
    for i in range(len(blocks)):
        rows = blocks[i].double()
        parts[i].sub_((rows.square().sum(1) / x.shape[1] + 1) ** 3)  # a row's kernel with itself
        for j in range(i, len(blocks)):
            kernel = _kernel(rows, blocks[j].double())
            parts[i].add_(kernel.sum(1))
            if j > i:
                parts[j].add_(kernel.sum(0))
    return sums / (len(x) - 1)


def _cross_sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The row sums [n] and column sums [m] of the kernel matrix between two sets."""
    rows, columns = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(y), dtype=torch.float64)
    for a, row_part in zip(torch.split(x, BLOCK), torch.split(rows, BLOCK), strict=True):
        block = a.double()
        for b, column_part in zip(torch.split(y, BLOCK), torch.split(columns, BLOCK), strict=True):
            kernel = _kernel(block, b.double())
            row_part.add_(kernel.sum(1))
            column_part.add_(kernel.sum(0))
    return rows, columns
