"""Metrics never hold their features as a whole in float64: the largest tensor that each makes is of a chunk."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genbench.metrics import chunks, kid, prdc
from genbench.metrics.frechet import FrechetDistance
from genbench.metrics.inception_score import InceptionScore
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import KernelDistanceOptions, PRDCOptions
from genbench.metrics.prdc import PRDC
from genbench.metrics.vendi import VendiScore

N, D = 800, 96
WHOLE = N * D * 8
"""Bytes of one set in float64."""


class Largest(TorchDispatchMode):
    """Remembers the most bytes of any tensor that was made while it is active; views make none."""

    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if torch.is_tensor(leaf)}
        for leaf in tree_leaves(result):
            if torch.is_tensor(leaf) and leaf.untyped_storage().data_ptr() not in given:
                self.bytes = max(self.bytes, leaf.untyped_storage().nbytes())
        return result


METRICS = {
    "frechet_distance": FrechetDistance,
    "kid": lambda: KernelDistance(KernelDistanceOptions(0)),
    "prdc": lambda: PRDC(PRDCOptions(3, 0)),
    "inception_score": InceptionScore,
    "vendi_score": VendiScore,
}


@pytest.mark.parametrize("make", METRICS.values(), ids=METRICS)
def test_features_are_read_in_chunks(monkeypatch, evidence_of, make):
    for module, name, value in (
        (chunks, "NUMBERS", 100 * D),
        (kid, "BLOCK", 100),
        (prdc, "BLOCK", 100),
        (prdc, "DISTANCES", 16 * N),
    ):
        monkeypatch.setattr(module, name, value)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, N, D, generator=generator)
    metric = make()
    with Largest() as largest:
        score = metric.measure(evidence_of(metric, x, y, logits=x))
    assert score.measurements
    assert 8 * N <= largest.bytes <= WHOLE / 4  # one number per image is kept


def test_what_is_watched_for_would_be_seen():
    x = torch.randn(N, D)
    with Largest() as largest:
        x.double()
    assert largest.bytes == WHOLE


@pytest.mark.parametrize("rows", [1, 99, 100, 101, 230])
def test_chunks_are_all_rows_in_order(monkeypatch, rows):
    monkeypatch.setattr(chunks, "NUMBERS", 100 * D)
    x = torch.randn(rows, D)
    assert torch.equal(torch.cat(list(chunks.chunks(x))), x.double())
    assert torch.equal(chunks.each(x, lambda chunk: chunk.sum(1)), x.double().sum(1))
    torch.testing.assert_close(chunks.mean(x), x.double().mean(0))
