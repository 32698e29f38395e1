"""(kind, name) -> entry: everything that can be chosen by name, and nothing about how it is configured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from genbench.registry.checks import problem
from genbench.registry.entries import Entry, NoOptions
from genbench.registry.kinds import component_kinds, kind_of, value_kinds
from genbench.registry.names import UnknownNameError, unknown_name

CORE = "genbench"
"""The provider of what the core brings."""


class RegistrationError(ValueError):
    """Something that cannot be registered; the message names it, its plugin, and what to do."""


class Registrar:
    """What a plugin registers with: its own entries and config packages, under its name.

    Every method raises RegistrationError for what cannot be registered, such as a name of the core (`reserved`).
    """

    def __init__(self, provider: str, reserved: Collection[tuple[str, str]] = ()) -> None:
        self.provider, self._reserved = provider, reserved
        self.registered: dict[tuple[str, str], Entry] = {}
        self.packages: list[str] = []

    def model(
        self,
        name: str,
        target: str,
        options: type[Any],
        *,
        summary: str,
        sampler: str,
        uses: tuple[str, ...] = (),
        defaults: Mapping[str, str] | None = None,
    ) -> None:
        """Register a Generator as "module:Class". `sampler` is the one it brings by default; `uses` names the config
        groups ("schedule", "grid", "guidance") that change what it learns or draws; `defaults` picks their options.
        """
        brought = {"sampler": sampler, **(defaults or {})}
        self._add(Entry("model", name, summary, target, options, self.provider, uses, brought))

    def value(self, kind: str, name: str, cls: type[Any], *, summary: str) -> None:
        """Register a frozen dataclass of kind sampler, schedule, grid, guidance or task: its fields are its options. A
        class attribute `defaults` names options of other groups that it brings, such as a task's metrics.
        """
        if not kind_of(kind).value:
            how = f"with registry.{'model' if kind == 'model' else 'component'}(...)"
            raise self._refused(kind, name, f"it is no value ({', '.join(value_kinds())}); register it {how}")
        self._add(Entry(kind, name, summary, cls, cls, self.provider, defaults=dict(getattr(cls, "defaults", {}))))

    def component(self, kind: str, name: str, target: str, options: type[Any] = NoOptions, *, summary: str) -> None:
        """Register a dataset, feature extractor, metric, tracker or report format as "module:callable", called with its
        options.
        """
        if kind_of(kind).value or kind == "model":
            how = "model(...)" if kind == "model" else "value(kind, name, cls, summary=...)"
            names = ", ".join(name for name in component_kinds() if name != "model")
            raise self._refused(kind, name, f"it is no component ({names}); register it with registry.{how}")
        self._add(Entry(kind, name, summary, target, options, self.provider))

    def configs(self, package: str) -> None:
        """Add a package of Hydra configs (it needs an `__init__.py`): presets, experiments."""
        self.packages.append(package)

    def _add(self, entry: Entry) -> None:
        place = entry.kind, entry.name
        if reason := problem(entry):
            raise self._refused(*place, reason)
        if place in self._reserved:
            raise self._refused(*place, "genbench itself brings one of that name; choose another")
        if place in self.registered:
            raise self._refused(*place, "it is registered twice")
        self.registered[place] = entry

    def _refused(self, kind: str, name: str, reason: str) -> RegistrationError:
        return RegistrationError(f"{kind} '{name}' of {self.provider}: {reason}")


class Registry(Registrar):
    """All entries: those of the core, which it registers directly, and those of every plugin that was added."""

    def __init__(self) -> None:
        super().__init__(CORE)
        self._plugins: dict[str, Registrar] = {}

    def registrar(self, provider: str) -> Registrar:
        """What a plugin of this name registers with; nothing of it counts before it is added."""
        return Registrar(provider, self.registered.keys())

    def add(self, registrar: Registrar) -> None:
        """Take over all that a plugin registered. A name that another one claims too is refused to both."""
        self._plugins[registrar.provider] = registrar

    def clashes(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(kind, name) -> the plugins that claim it, where there are several."""
        claims: dict[tuple[str, str], tuple[str, ...]] = {}
        for provider, registrar in self._plugins.items():
            for place in registrar.registered:
                claims[place] = (*claims.get(place, ()), provider)
        return {place: providers for place, providers in claims.items() if len(providers) > 1}

    @property
    def config_packages(self) -> list[tuple[str, str]]:
        """(provider, package) of every package of Hydra configs."""
        registrars = (self, *self._plugins.values())
        return [(registrar.provider, package) for registrar in registrars for package in registrar.packages]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries().values())

    def names(self, kind: str) -> list[str]:
        """The registered names of a kind, sorted."""
        kind_of(kind)
        return sorted(name for of, name in self._entries() if of == kind)

    def get(self, kind: str, name: str) -> Entry:
        """The entry, or UnknownNameError with the nearest names."""
        names = self.names(kind)
        if providers := self.clashes().get((kind, name)):
            raise UnknownNameError(clash(kind, name, providers))
        if name not in names:
            raise UnknownNameError(unknown_name(kind, name, names))
        return self._entries()[kind, name]

    def _entries(self) -> dict[tuple[str, str], Entry]:
        entries = dict(self.registered)
        clashes = self.clashes()
        for registrar in self._plugins.values():
            entries |= {place: entry for place, entry in registrar.registered.items() if place not in clashes}
        return entries


def clash(kind: str, name: str, providers: Collection[str]) -> str:
    """One line: who claims the name, and what to do."""
    return (
        f"{kind} '{name}' is registered by {' and by '.join(providers)}, so none of them has it: block all but one with"
        " GENBENCH_DISABLE"
    )
