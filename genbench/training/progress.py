"""What training says of itself: where it stands, what it cost, and whether it has diverged. Changes no weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """Where a stage stands: `step` of `steps`, after `seconds` of work, with the latest value of each scalar."""

    stage: str
    step: int
    steps: int
    seconds: float
    scalars: Mapping[str, float]


@dataclass
class TrainingLog:
    """What training one stage cost and showed.

    `seconds` is the wall-clock time of `train_stage` over all sittings: what the stage computes beforehand, steps,
    reports and checkpoints; not building the stage, nor work that was lost with a killed process. `images` counts
    those of all processes. A point of `curves` holds "step" and the stage's scalars, averaged over processes.
    `stopped` says that the callback ended it before its budget did.
    """

    stage: str
    seconds: float = 0.0
    steps: int = 0
    images: int = 0
    curves: list[dict[str, float]] = field(default_factory=list)
    stopped: bool = False


class Watch:
    """Looks at every scalar of every step without waiting for the device: the latest value, and the first one that was
    not finite, stay there until somebody reads them.
    """

    LATEST, STEP, VALUE = range(3)

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._seen: dict[tuple[str, ...], Tensor] = {}

    @torch.no_grad()
    def see(self, step: int, scalars: Mapping[str, Tensor]) -> None:
        """Take in what a stage returned at this step, counted from 1. It may return other scalars at other steps."""
        if not scalars:
            return
        values = torch.stack([torch.as_tensor(v, dtype=torch.float64, device=self.device) for v in scalars.values()])
        names = tuple(scalars)
        seen = self._seen.pop(names, None)
        if seen is None:
            seen = torch.zeros(3, len(names), dtype=torch.float64, device=self.device)
        self._seen[names] = seen  # last in the dict: `read` finds the latest there
        first = ~values.isfinite() & (seen[self.STEP] == 0)
        seen[self.LATEST].copy_(values)
        seen[self.STEP].masked_fill_(first, step)
        seen[self.VALUE].copy_(torch.where(first, values, seen[self.VALUE]))

    def read(self) -> dict[str, Tensor]:
        """For each scalar float64 [3] on the CPU: its latest value, the step at which it was not finite for the first
        time (0 if it never was), and its value then.
        """
        read: dict[str, Tensor] = {}
        for names, seen in self._seen.items():
            for name, column in zip(names, seen.cpu().T, strict=True):
                earlier = read.get(name)
                if earlier is not None and earlier[self.STEP] and not 0 < column[self.STEP] < earlier[self.STEP]:
                    column = torch.cat((column[:1], earlier[1:]))
                read[name] = column
        return read


def divergence(seen: Sequence[Mapping[str, Tensor]]) -> str | None:
    """What the watches of all processes saw go wrong first, as "step 17: loss 'x' is nan"; None if nothing did."""
    bad = [
        (int(column[Watch.STEP]), name, float(column[Watch.VALUE]))
        for rank in seen
        for name, column in rank.items()
        if column[Watch.STEP]
    ]
    if not bad:
        return None
    step, name, value = min(bad, key=lambda entry: entry[0])
    return f"step {step}: loss '{name}' is {value}"


def latest(seen: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """The latest value of each scalar, averaged over the processes that have it."""
    names = dict.fromkeys(name for rank in seen for name in rank)
    values = {name: [float(rank[name][Watch.LATEST]) for rank in seen if name in rank] for name in names}
    return {name: math.fsum(of_ranks) / len(of_ranks) for name, of_ranks in values.items()}
