"""Evidence made of tensors, as a metric sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from genbench.images import ArrayImages
from genbench.interfaces.data import DataSpec
from genbench.measuring.evidence import Common, Later, ReferenceStatistics, Row, RowEvidence, Statistics

torch.set_num_threads(1)


def blank(count: int) -> ArrayImages:
    return ArrayImages("blank", torch.zeros(count, 1, 1, 1, dtype=torch.uint8))


@pytest.fixture
def evidence_of() -> Callable[..., RowEvidence]:
    """`evidence_of(metric, x, y)`: what the metric reads of generated features x and reference features y. `logits` are
    those of the generated images; `statistics` (mean, covariance, count) replace the reference's images.
    """

    def make(metric, x=None, y=None, logits=None, statistics=None, likelihood=None, spec=None):
        reference = blank(len(y)) if y is not None else None
        if statistics is not None:
            reference = ReferenceStatistics("statistics", {"made_up": Statistics(*statistics)})
        given = Later("likelihood", lambda: likelihood) if likelihood is not None else None
        common = Common(spec or DataSpec(1, 1, 1), reference, likelihood=given)
        outputs = {("generated", "features"): x, ("reference", "features"): y, ("generated", "logits"): logits}
        count = len(next(tensor for tensor in (x, logits, torch.zeros(1)) if tensor is not None))
        return RowEvidence(common, Row(blank(count)), metric.reads, "made_up", lambda of, output: outputs[of, output])

    return make
