"""Scores: what metrics may give, checked; what comes of measuring several rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from genbench.interfaces.measurement import Json, MeasureInfo, Measurement
from genbench.interfaces.measuring import SOURCES, Metric, Score
from genbench.registry.choice import Choice
from genbench.store.records import ArtifactRecord, Measurements


class MetricsError(ValueError):
    """Metrics that cannot be asked for together, or one that gave what it had not declared."""


@dataclass(frozen=True)
class Scores:
    """What came of measuring: measurements by row and key ("<extractor>/<measure>", or "<measure>" where no extractor
    is involved), what each measure is, why a metric gave nothing, and the artifacts that were made or found.

    `left_out` is keyed "<extractor>/<metric>" for what was left out before any row was looked at, and "<row>:
    <extractor>/<metric>" for one row; again without the extractor where none is involved.
    """

    rows: dict[str, Measurements] = field(default_factory=dict)
    measures: dict[str, MeasureInfo] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[ArtifactRecord, ...] = ()


def check_metrics(metrics: Mapping[str, Choice]) -> None:
    """Raise MetricsError where two metrics, by name, give a measure of one name, or one gives it twice."""
    measures_of({name: choice.build() for name, choice in metrics.items()})


def measures_of(metrics: Mapping[str, Metric]) -> dict[str, MeasureInfo]:
    """What is measured, by name, in the order of the metrics. Raises MetricsError as `check_metrics`."""
    measures: dict[str, MeasureInfo] = {}
    givers: dict[str, str] = {}
    for name, metric in metrics.items():
        for info in metric.measures:
            if (other := givers.get(info.name)) is not None:
                both = f"metrics '{other}' and '{name}' both give" if other != name else f"metric '{name}' gives twice"
                raise MetricsError(
                    f"{both} the measure '{info.name}': its numbers could not be told apart; leave one out"
                )
            givers[info.name], measures[info.name] = name, info
    return measures


def outputs_read(metric: Metric) -> tuple[str, ...]:
    """The outputs of an extractor that a metric reads."""
    return tuple(name for name in metric.reads if name not in SOURCES)


def check_score(score: Score, metric: Metric, lengths: Iterable[int]) -> None:
    """Raise MetricsError for measures that were not declared or are missing, and for arrays that do not have one entry
    per generated or per reference image: `lengths`.
    """
    declared = [info.name for info in metric.measures]
    for name in score.measurements:
        if name not in declared:
            raise MetricsError(f"it gave '{name}', and declares {', '.join(declared)} in `measures`")
    if absent := [name for name in declared if name not in score.measurements]:
        raise MetricsError(f"it did not give '{absent[0]}', which it declares in `measures`")
    allowed = list(lengths)
    for name, array in score.arrays.items():
        if array.ndim == 0 or len(array) not in allowed:
            raise MetricsError(
                f"its array '{name}' is of shape {list(array.shape)}: one entry per generated or per reference image is"
                f" needed ({' or '.join(map(str, allowed))})"
            )


def filled(measurement: Measurement, info: MeasureInfo, protocol: Mapping[str, Json]) -> Measurement:
    """The measurement with what is known without the metric: direction, unit, and the common part of its protocol."""
    return replace(
        measurement,
        direction=measurement.direction or info.direction,
        unit=measurement.unit or info.unit,
        protocol={**protocol, **measurement.protocol},
    )
