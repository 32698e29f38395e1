"""Protocols: by name, all that a number depends on besides the generated images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genbench.interfaces.data import ImageSet
from genbench.interfaces.measurement import Json
from genbench.interfaces.measuring import Metric
from genbench.measuring.evidence import Common, ReferenceStatistics
from genbench.measuring.identity import counted_options
from genbench.registry.choice import Choice


def metric_protocol(name: str, metric: Metric, options: Any) -> dict[str, Json]:
    """The metric, the version of its definition, and every option."""
    return {"metric": name, "metric.version": metric.version, **_named("metric", options)}


def extractor_protocol(name: str, extractor: Choice) -> dict[str, Json]:
    """The extractor, its weights, and every option that does not only say where they lie."""
    fingerprint = extractor.entry.load().fingerprint(extractor.options)
    return {"extractor": name, "extractor.fingerprint": fingerprint, **_named("extractor", extractor.options)}


def sets_protocol(metric: Metric, sets: Mapping[str, ImageSet], common: Common) -> dict[str, Json]:
    """Which images the metric reads: of generated ones and pairs only how many."""
    protocol: dict[str, Json] = {}
    if "reference" in metric.reads and isinstance(common.reference, ReferenceStatistics):
        protocol["reference"] = common.reference.id
    if "likelihood" in metric.reads and common.held_out is not None:
        sets = {"held_out": common.held_out, **sets}
    for source, images in sets.items():
        if source not in ("generated", "pairs"):
            protocol |= {source: images.id, f"{source}.first": images.first}
        protocol[f"{source}.n"] = images.count
    return protocol


def _named(owner: str, options: Any) -> dict[str, Json]:
    return {f"{owner}.{name}": _flat(value) for name, value in counted_options(options).items()}


def _flat(value: Any) -> Json:
    """A plain value without objects: those as their entries, in the order of their names."""
    if isinstance(value, dict):
        return tuple((name, _flat(item)) for name, item in sorted(value.items()))
    if isinstance(value, list):
        return tuple(_flat(item) for item in value)
    flat: Json = value
    return flat
