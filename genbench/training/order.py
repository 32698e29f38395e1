"""In which order training sees the images."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.training.seeding import stage_seed


class Order:
    """Endless epochs over `count` images, each shuffled anew. Any batch is known without the ones before it, and is a
    function of the training seed, the stage's name and the step alone.
    """

    def __init__(self, count: int, seed: int, name: str) -> None:
        self.count, self.seed, self.name = count, seed, name
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def batch(self, step: int, size: int) -> Tensor:
        """int64 indices [size] of this step's images, on the CPU."""
        start, stop, parts = step * size, (step + 1) * size, []
        while start < stop:
            epoch, offset = divmod(start, self.count)
            taken = min(self.count - offset, stop - start)
            parts.append(self._shuffled(epoch)[offset : offset + taken])
            start += taken
        return torch.cat(parts)

    def _shuffled(self, epoch: int) -> Tensor:
        if self._epoch != epoch:
            generator = torch.Generator().manual_seed(stage_seed(self.seed, self.name, epoch))
            self._epoch, self._permutation = epoch, torch.randperm(self.count, generator=generator)
        return self._permutation
