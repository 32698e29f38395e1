"""How torch computes while a run does: as the plan says, never as an environment variable or the caller has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def settled(threads: int) -> Iterator[None]:
    """Inside, this many threads and full float32 precision everywhere; what was set before comes back afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_num_threads(), torch.get_float32_matmul_precision(), matmul.allow_tf32, cudnn.allow_tf32
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
        matmul.allow_tf32, cudnn.allow_tf32 = before[2], before[3]
