"""Features a few rows at a time: what metrics read of a memory map, in float64, whatever its length."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

NUMBERS = 2**20  # in a chunk: 8 MiB as float64


def chunks(rows: Tensor) -> Iterator[Tensor]:
    """Consecutive rows of [n, d] as float64 [b, d], at most 8 MiB of them or one row. Not to be written to."""
    for part in torch.split(rows, max(1, NUMBERS // max(1, rows.shape[1]))):
        yield part.double()


def mean(rows: Tensor) -> Tensor:
    """The mean of the rows [n, d], float64 [d]."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for chunk in chunks(rows):
        total += chunk.sum(0)
    return total / len(rows)
