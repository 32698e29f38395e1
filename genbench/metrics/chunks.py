"""Features a few rows at a time: what metrics read of a memory map, in float64, whatever its length."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

NUMBERS = 2**18  # in a chunk: 2 MiB as float64


def chunks(rows: Tensor) -> Iterator[Tensor]:
    """Consecutive rows of [n, d] as float64 [b, d], at most 2 MiB of them or one row. Not to be written to."""
    for part in torch.split(rows, max(1, NUMBERS // max(1, rows.shape[1]))):
        yield part.double()


def each(rows: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """One number for each row [n, d]: what `function` gives of a chunk [b, d], float64 [n]."""
    numbers = torch.empty(len(rows), dtype=torch.float64)
    done = 0
    for chunk in chunks(rows):
        numbers[done : done + len(chunk)] = function(chunk)
        done += len(chunk)
    return numbers


def mean(rows: Tensor) -> Tensor:
    """The mean of the rows [n, d], float64 [d]."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for chunk in chunks(rows):
        total += chunk.sum(0)
    return total / len(rows)
