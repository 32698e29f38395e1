"""Which numbers may be pooled, which ranked, and who leads: only numbers of equal protocol meet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genbench.interfaces.measurement import Measurement
from genbench.reports.columns import Column
from genbench.reports.lines import Line
from genbench.statistics.replicates import Estimate, combine, leaders

UNFAIR = ("contended", "quick")
"""Marks of numbers that are never ranked."""


def pool(measurements: Iterable[Measurement]) -> Estimate | None:
    """Replicates as one number; None if none has a value, or if they were measured by unequal protocols."""
    valued = [measurement for measurement in measurements if measurement.value is not None]
    return combine(valued) if valued and not differences(valued) else None


def best(column: Column, lines: Sequence[Line]) -> set[int]:
    """Which lines lead the column; none where ranking is not fair, where one is alone, or where all are alike."""
    measured = [column.read(line.members) for line in lines]
    if column.direction is None or differences(compared(column, lines)):
        return set()
    fair = [
        pool(measurements) if line.role == "model" and not line.quick and not _is_unfair(measurements) else None
        for line, measurements in zip(lines, measured, strict=True)
    ]
    count = sum(estimate is not None for estimate in fair)
    lead = leaders(fair, lower_is_better=column.direction == "lower")
    return lead if len(lead) < count else set()


def compared(column: Column, lines: Iterable[Line]) -> list[Measurement]:
    """The numbers of a column that a reader compares."""
    models = (line for line in lines if line.role == "model")
    return [
        measurement for line in models for measurement in column.read(line.members) if measurement.value is not None
    ]


def differences(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """What the numbers depend on, besides the images, and differ in; empty if they were measured alike."""
    protocols = [_protocol(measurement) for measurement in measurements]
    names = dict.fromkeys(name for protocol in protocols for name in protocol)
    return tuple(name for name in names if len({_text(protocol.get(name)) for protocol in protocols}) > 1)


def _protocol(measurement: Measurement) -> Mapping[str, Any]:
    """Everything that has to be equal, besides the number of images, which is that of the section. The named values
    come first, since they say best what differs.
    """
    return {
        **measurement.protocol,
        "unit": measurement.unit,
        "group": measurement.group,
        "bound": "bound" in measurement.marks,
        "estimand": measurement.estimand,
    }


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_unfair(measurements: Iterable[Measurement]) -> bool:
    return any(mark in UNFAIR for measurement in measurements for mark in measurement.marks)
