"""Choices of made-up extractors and metrics, a store, and several ranks as threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.registry.choice import Choice
from genbench.registry.entries import Entry, NoOptions
from genbench.store.artifacts import Store

torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def choice() -> Callable[..., Choice]:
    """`choice(cls, options)`: the class as if it were registered."""

    def make(cls: type[Any], options: Any = None, kind: str = "metrics", name: str = "made_up") -> Choice:
        options = NoOptions() if options is None else options
        return Choice(Entry(kind, name, "made up", cls, type(options), "tests"), options)

    return make


class ThreadRanks:
    """One of several ranks (genbench.interfaces.ranks.Ranks) that are threads of one process."""

    def __init__(self, rank: int, barrier: threading.Barrier, board: list[Any]) -> None:
        self.rank, self.count, self.barrier, self.board = rank, barrier.parties, barrier, board

    def broadcast(self, value: Any) -> Any:
        return self._exchange(value)[0]

    def gather(self, rows: Mapping[str, Tensor] | None) -> Sequence[Mapping[str, Tensor]]:
        given = self._exchange(rows)
        return [one for one in given if one is not None] if self.rank == 0 else []

    def average_(self, tensors: Sequence[Tensor]) -> None:
        raise NotImplementedError

    def wait(self) -> None:
        self.barrier.wait()

    def _exchange(self, value: Any) -> list[Any]:
        self.board[self.rank] = value
        self.barrier.wait()
        values = list(self.board)
        self.barrier.wait()
        return values


@pytest.fixture
def on_ranks() -> Callable[..., list[Any]]:
    """`on_ranks(count, work)`: what `work(ranks)` returned or raised on each of so many ranks, in order."""

    def run(count: int, work: Callable[[ThreadRanks], Any]) -> list[Any]:
        barrier, board, results = threading.Barrier(count, timeout=30), [None] * count, [None] * count

        def one(rank: int) -> None:
            try:
                results[rank] = work(ThreadRanks(rank, barrier, board))
            except Exception as error:
                results[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run
