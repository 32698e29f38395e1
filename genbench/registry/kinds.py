"""The kinds of things that can be registered: the only list of them.

The config root, listings, completion, mistakes and the conformance suites all read it. Contracts and suites are named,
not imported, so that reading the table imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from genbench.registry.names import UnknownNameError, unknown_name


@dataclass(frozen=True)
class Kind:
    """One kind. `contract` is the "module:Class" that its members keep and `suite` the conformance suite that shows it.

    The members of a `value` kind are frozen dataclasses, whose fields are their options; those of another kind are
    components: "module:callable", called with a dataclass of options. A `group` is a config group of the same name;
    `several` says that a run may have more than one member, `optional` that a model says whether it uses one (`uses`).
    """

    name: str
    contract: str
    suite: str
    value: bool = False
    group: bool = True
    several: bool = False
    optional: bool = False


def _table(*kinds: Kind) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in kinds}


_SAMPLING, _MEASURING = "genbench.interfaces.sampling", "genbench.interfaces.measuring"
_SUITES = "genbench.testing"

KINDS: Mapping[str, Kind] = _table(
    Kind("model", "genbench.interfaces.drawing:Generator", f"{_SUITES}:GeneratorConformance"),
    Kind("sampler", f"{_SAMPLING}:Sampler", f"{_SUITES}:SamplerConformance", value=True),
    Kind("schedule", f"{_SAMPLING}:Schedule", f"{_SUITES}:ScheduleConformance", value=True, optional=True),
    Kind("grid", f"{_SAMPLING}:Grid", f"{_SUITES}:GridConformance", value=True, optional=True),
    Kind("guidance", f"{_SAMPLING}:Guidance", f"{_SUITES}:GuidanceConformance", value=True, optional=True),
    Kind("task", "genbench.interfaces.tasks:Task", f"{_SUITES}:TaskConformance", value=True),
    Kind("dataset", "genbench.interfaces.data:Dataset", f"{_SUITES}:DatasetConformance"),
    Kind("features", f"{_MEASURING}:FeatureExtractor", f"{_SUITES}:FeatureExtractorConformance", several=True),
    Kind("metrics", f"{_MEASURING}:Metric", f"{_SUITES}:MetricConformance", several=True),
    Kind("tracking", "genbench.tracking.tracker:Tracker", f"{_SUITES}:TrackerConformance"),
    Kind("report", "genbench.reports.formats:ReportFormat", f"{_SUITES}:ReportConformance", group=False),
)
"""Every kind by name, in the order in which they are listed."""


def kind_of(name: str) -> Kind:
    """The kind of this name, or UnknownNameError with the nearest."""
    if name not in KINDS:
        raise UnknownNameError(unknown_name("kind", name, tuple(KINDS)))
    return KINDS[name]


def groups() -> tuple[str, ...]:
    """The kinds that are config groups."""
    return _names(lambda kind: kind.group)


def several() -> tuple[str, ...]:
    """The kinds of which a run may have more than one: option `x` lands at features.x, metrics.x."""
    return _names(lambda kind: kind.several)


def optional() -> tuple[str, ...]:
    """The kinds that some models use and others do not."""
    return _names(lambda kind: kind.optional)


def value_kinds() -> tuple[str, ...]:
    """The kinds whose members are immutable values."""
    return _names(lambda kind: kind.value)


def component_kinds() -> tuple[str, ...]:
    """The kinds whose members are "module:callable", called with their options."""
    return _names(lambda kind: not kind.value)


def _names(wanted: Callable[[Kind], bool]) -> tuple[str, ...]:
    return tuple(kind.name for kind in KINDS.values() if wanted(kind))
