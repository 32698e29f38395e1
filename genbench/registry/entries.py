"""An entry: one registered thing, known by kind and name, with its options and who brought it.

Kinds whose options are plain immutable values (samplers, schedules, grids, guidance, tasks) register the value class
itself. Kinds that need heavy imports register "module:attribute", imported when it is first used, and a dataclass of
options, so that listing and completion stay fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NoOptions:
    """The options of an entry that has none."""


@dataclass(frozen=True)
class Entry:
    """One registered thing. `uses` matters for models only: the config groups that are part of what is trained or
    drawn. `defaults` are the options of other groups that it brings unless the user names others (a model its sampler,
    a task its metrics).
    """

    kind: str
    name: str
    summary: str
    target: str | Callable[..., Any]
    options: type[Any]
    provider: str
    uses: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module that implements the entry."""
        return self.target.partition(":")[0] if isinstance(self.target, str) else self.target.__module__

    def load(self) -> Any:
        """The class or function behind the name, imported now if it was not."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)
