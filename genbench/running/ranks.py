"""Several processes at one command, started by torchrun: who they are, what they exchange, and how one's failure wakes
the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from genbench.interfaces.ranks import Ranks

T = TypeVar("T")

MEETING = timedelta(minutes=10)
"""How long the processes wait for each other when the command starts."""
DAY = timedelta(hours=24)
"""How long they wait later: rank 0 times and measures alone meanwhile."""
FAILURE, INTERRUPTED = "failure", "interrupted"
"""A key of the store, and the note under it that says that somebody was interrupted."""
LOST = "another process ended without a word; perhaps it was killed"
CPU = torch.device("cpu")


class RankError(RuntimeError):
    """Another process of the run failed; the message is "rank 1: " and what happened there."""


class World:
    """All processes of the command, and the store through which they meet."""

    def __init__(self, store: Store, rank: int, count: int, local_rank: int) -> None:
        self.rank, self.count, self.local_rank = rank, count, local_rank
        self._store = store
        self._lost = ""

    @property
    def lost(self) -> bool:
        """Whether a process is gone for good, so that no job can follow."""
        return bool(self._lost)

    def device(self, name: str) -> str:
        """The device that this process works on where the command says `name`: "cuda" is a GPU for each.

        Raises ValueError where a machine has fewer GPUs than processes, or where all would share one.
        """
        if not name.startswith("cuda"):
            return name
        if name != "cuda":
            raise ValueError(f"{self.count} processes cannot all work on {name}: use device=cuda, a GPU for each")
        if self.local_rank >= torch.cuda.device_count():
            raise ValueError(
                f"process {self.local_rank} of this machine has no GPU of its own, for there are"
                f" {torch.cuda.device_count()}: start fewer processes, or use device=cpu"
            )
        return f"cuda:{self.local_rank}"

    @contextmanager
    def job(self, number: int) -> Iterator[Ranks]:
        """A group of its own for one job; all processes enter it, and leave it together.

        An exception in one is noted in the store before its group is destroyed. That closes its connections, which
        wakes the others wherever they wait for it: in the next exchange they raise RankError with the note, or
        KeyboardInterrupt if it was an interrupt. The next job works again, unless a process is gone for good.
        """
        if self._lost:
            raise RankError(self._lost)
        store = PrefixStore(f"job-{number}", self._store)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(
            backend, store=PrefixStore("group", store), rank=self.rank, world_size=self.count, timeout=DAY
        )
        ranks = _Connected(self, store)
        try:
            yield ranks
            ranks.wait()
        except BaseException as error:
            self._lost = LOST if ranks.lost else ""
            if not ranks.lost and not isinstance(error, RankError):
                note = INTERRUPTED if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
                store.compare_set(FAILURE, "", note if note == INTERRUPTED else f"rank {self.rank}: {note}")
            raise
        finally:
            distributed.destroy_process_group()


class _Connected:
    """The processes of one job: `interfaces.ranks.Ranks` over torch.distributed."""

    def __init__(self, world: World, store: Store) -> None:
        self.rank, self.count = world.rank, world.count
        self.device = world.device
        self.lost = False
        self._store = store

    def broadcast(self, value: T) -> T:
        """Rank 0's value, on every rank. It travels pickled; tensors should be on the CPU."""
        box = [value]
        with self._exchange():
            distributed.broadcast_object_list(box, src=0, device=CPU)
        return box[0]

    def gather(self, rows: Mapping[str, Tensor] | None) -> Sequence[Mapping[str, Tensor]]:
        """Names, shapes and types first, pickled; then each tensor's bytes as they are."""
        given = None if rows is None else {name: tensor.detach().cpu().contiguous() for name, tensor in rows.items()}
        header = None if given is None else {name: (tensor.shape, tensor.dtype) for name, tensor in given.items()}
        headers: list[dict[str, tuple[torch.Size, torch.dtype]] | None] = [None] * self.count
        with self._exchange():
            distributed.gather_object(header, headers if self.rank == 0 else None, dst=0)
            if self.rank:
                for tensor in (given or {}).values():
                    if tensor.numel():
                        distributed.send(_bytes(tensor), dst=0)
                return []
            gathered = [] if given is None else [given]
            for rank in range(1, self.count):
                if (expected := headers[rank]) is None:
                    continue
                received = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in expected.items()}
                for tensor in received.values():
                    if tensor.numel():
                        distributed.recv(_bytes(tensor), src=rank)
                gathered.append(received)
        return gathered

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """One all-reduce for all tensors of one type on one device. Every rank ends with the same bits.

        A GPU's exchange cannot be taken back once it is in its queue, and would wait there for ever for a rank that
        failed; so the processes first make sure over the network that all of them have come this far.
        """
        alike: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault((tensor.device, tensor.dtype), []).append(tensor)
        for (device, _), group in alike.items():
            if device.type == "cuda":
                self.wait()
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in group])
            with self._exchange():
                distributed.all_reduce(flat)
            means = torch.split(flat.div_(self.count), [tensor.numel() for tensor in group])
            for tensor, mean in zip(group, means, strict=True):
                tensor.detach().copy_(mean.view_as(tensor))

    def wait(self) -> None:
        """Until every rank is here."""
        with self._exchange():
            distributed.all_reduce(torch.zeros(1))

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Inside, a connection that breaks is what another rank noted in the store before it closed."""
        try:
            yield
        except RuntimeError as error:
            if not self._store.check([FAILURE]):
                self.lost = True
                raise RankError(LOST) from error
            note = self._store.get(FAILURE).decode()
            if note == INTERRUPTED:
                raise KeyboardInterrupt from error
            raise RankError(note) from error


def processes() -> World | None:
    """The processes of this command, where torchrun (or what sets the same variables) started several of them; None in
    one process.

    Raises ValueError where the variables are incomplete.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
        return None
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK") if name not in os.environ]:
        raise ValueError(f"RANK and WORLD_SIZE are set and {missing[0]} is not: start several processes with torchrun")
    store, rank, count = next(rendezvous("env://", timeout=MEETING))
    return World(store, rank, count, int(os.environ["LOCAL_RANK"]))


def _bytes(tensor: Tensor) -> Tensor:
    """The memory of a contiguous tensor as uint8 [number of bytes]."""
    return tensor.view(-1).view(torch.uint8)
