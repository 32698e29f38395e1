"""Where artifacts come from: what is kept beside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from genbench.store.provenance import made
from genbench.store.records import Made


class Identified(Protocol):
    """The identity of an artifact, whoever composed it."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """The parts of its hash, by name."""
        ...


Describe = Callable[..., Callable[[float], Made]]
"""`describe(identity, libraries)` gives what the store asks for: a function of the seconds that making it took."""


def describe_with(device: str, threads: int, processes: int, command: str) -> Describe:
    """How artifacts that are made so are described."""

    def describe(identity: Identified, libraries: Mapping[str, str] | None = None) -> Callable[[float], Made]:
        return lambda seconds: made(
            parts=identity.parts,
            device=device,
            command=command,
            seconds=seconds,
            libraries=libraries or {},
            threads=threads,
            processes=processes,
        )

    return describe
