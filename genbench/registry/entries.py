"""(kind, name) -> entry: everything that can be chosen by name, and nothing about how it is configured.

Kinds whose options are plain immutable values (samplers, schedules, grids, guidance, tasks) register the value class
itself. Kinds that need heavy imports (generators, datasets, features, metrics, trackers) register "module:attribute",
imported when it is first used, and a dataclass of options, so that listing and completion stay fast.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from typing import Any

KINDS = ("model", "sampler", "schedule", "grid", "guidance", "task", "dataset", "features", "metrics", "tracking")
"""Every kind is a config group of the same name."""


class UnknownNameError(LookupError):
    """A kind or a name that nobody registered; the message lists the nearest ones."""


@dataclass(frozen=True)
class NoOptions:
    """The options of an entry that has none."""


@dataclass(frozen=True)
class Entry:
    """One registered thing. `uses` and `defaults` matter for models only: the config groups that are part of what is
    trained or drawn, and the options of groups (its sampler first) that it brings unless the user names others.
    """

    kind: str
    name: str
    summary: str
    target: str | Callable[..., Any]
    options: type[Any]
    provider: str
    uses: tuple[str, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module that implements the entry."""
        return self.target.partition(":")[0] if isinstance(self.target, str) else self.target.__module__

    def load(self) -> Callable[..., Any]:
        """The class or function behind the name, imported now if it was not."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        loaded: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        return loaded


class Registry:
    """All entries and the config packages that plugins bring. `provider` names the plugin that is registering."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self.config_packages: list[tuple[str, str]] = []
        self.provider = "genbench"

    def model(
        self,
        name: str,
        target: str,
        options: type[Any],
        *,
        summary: str,
        sampler: str,
        uses: tuple[str, ...] = (),
        defaults: dict[str, str] | None = None,
    ) -> None:
        """Register a Generator as "module:Class". `sampler` is the one it brings by default; `uses` names the config
        groups ("schedule", "grid", "guidance") that change what it learns or draws; `defaults` picks their options.
        """
        unknown = set(uses) - {"schedule", "grid", "guidance"}
        if unknown:
            raise ValueError(f"model '{name}' of {self.provider}: uses names {sorted(unknown)}; expected a subset of"
                             " schedule, grid, guidance")  # fmt: skip
        chosen = {"sampler": sampler, **(defaults or {})}
        self._add(Entry("model", name, summary, target, options, self.provider, uses, chosen))

    def value(self, kind: str, name: str, cls: type[Any], *, summary: str) -> None:
        """Register a frozen dataclass of kind sampler, schedule, grid, guidance or task: the class is its options."""
        self._add(Entry(kind, name, summary, cls, cls, self.provider))

    def component(self, kind: str, name: str, target: str, options: type[Any] = NoOptions, *, summary: str) -> None:
        """Register a dataset, feature extractor, metric or tracker as "module:callable", called with its options."""
        self._add(Entry(kind, name, summary, target, options, self.provider))

    def configs(self, package: str) -> None:
        """Add a package of Hydra configs (it needs an `__init__.py`): presets, experiments."""
        self.config_packages.append((self.provider, package))

    def _add(self, entry: Entry) -> None:
        if entry.kind not in KINDS:
            raise UnknownNameError(unknown_name("kind", entry.kind, KINDS))
        if not is_dataclass(entry.options):
            raise TypeError(
                f"{entry.kind} '{entry.name}' of {entry.provider}: options must be a dataclass, not {entry.options!r}"
            )
        if other := self._entries.get((entry.kind, entry.name)):
            raise ValueError(f"{entry.kind} '{entry.name}' is registered by both {other.provider} and {entry.provider}")
        self._entries[entry.kind, entry.name] = entry

    def mark(self) -> tuple[int, int]:
        """Where the registry stands, for `rollback`."""
        return len(self._entries), len(self.config_packages)

    def rollback(self, mark: tuple[int, int]) -> None:
        """Forget what was registered since `mark`: half a plugin is worse than none."""
        for key in list(self._entries)[mark[0] :]:
            del self._entries[key]
        del self.config_packages[mark[1] :]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def names(self, kind: str) -> list[str]:
        """The registered names of a kind, sorted."""
        if kind not in KINDS:
            raise UnknownNameError(unknown_name("kind", kind, KINDS))
        return sorted(name for k, name in self._entries if k == kind)

    def get(self, kind: str, name: str) -> Entry:
        """The entry, or UnknownNameError with the nearest names."""
        names = self.names(kind)
        if name not in names:
            raise UnknownNameError(unknown_name(kind, name, names))
        return self._entries[kind, name]


def unknown_name(kind: str, name: str, valid: list[str] | tuple[str, ...]) -> str:
    """One line: what was not found, the nearest valid name, and all of them."""
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'.{hint} Valid: {', '.join(valid) or 'none are installed'}"
