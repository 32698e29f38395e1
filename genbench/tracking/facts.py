"""Records as flat names and numbers, the form that dashboards want; docs/tracking.md describes the names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genbench.interfaces.measurement import Measurement
from genbench.reports.columns import measure_of
from genbench.reports.labels import labels
from genbench.statistics.replicates import by_family
from genbench.store.artifacts import Store
from genbench.store.records import HELD_OUT, NOISE, RunRecord
from genbench.store.sweeps import Sweep

ERRORS = ("standard_errors", "standard_errors_given_reference", "intervals")
"""How sure we are of the number `x/y` stands below `standard_errors/x/y`, and so on."""
MARKS = "marks"
"""The marks of the number `x/y`, as text, are `marks/x/y`."""
COSTS, ROWS = "costs", "rows"
REFERENCES = (f"{ROWS}/{HELD_OUT}", f"{ROWS}/{NOISE}")

CONFIG_LEFT_OUT = ("tracking", "results", "place", "sweep")
"""How a run was tracked, stored and launched."""
RECORD_LEFT_OUT = ("schema_version", "config", "measures", "rows", "costs", "left_out", "reason")
"""What is shown elsewhere, or says nothing of which run it is."""


def measurements(record: RunRecord) -> dict[str, Measurement]:
    """Every measurement of a record by its place in result.json: "rows/generated/digits/kid", "costs/nfe", …"""
    rows = {f"{ROWS}/{_word(row)}/{key}": each for row, entries in record.rows.items() for key, each in entries.items()}
    return rows | {f"{COSTS}/{key}": measurement for key, measurement in record.costs.items()}


def numbers(record: RunRecord) -> dict[str, float]:
    """All numbers of a record, with their errors and intervals; a measurement without a value is left out."""
    return dict(pair for name, each in measurements(record).items() for pair in _numbers(name, each))


def _numbers(name: str, measurement: Measurement) -> Iterator[tuple[str, float]]:
    if measurement.value is None:
        return
    yield name, measurement.value
    errors, given_reference, intervals = ERRORS
    if measurement.standard_error is not None:
        yield f"{errors}/{name}", measurement.standard_error
    if measurement.standard_error_given_reference is not None:
        yield f"{given_reference}/{name}", measurement.standard_error_given_reference
    if measurement.interval is not None:
        yield from zip(
            (f"{intervals}/{name}/{end}" for end in ("low", "high", "level")), measurement.interval, strict=True
        )


def marks(record: RunRecord) -> dict[str, str]:
    """The marks of the numbers that have any: {"marks/costs/images_per_second": "contended"}."""
    return {f"{MARKS}/{name}": " ".join(each.marks) for name, each in measurements(record).items() if each.marks}


def directions(record: RunRecord) -> dict[str, str]:
    """Which way is better, "lower" or "higher", of every number of a record that models may be ranked by."""
    ways = {}
    for name, measurement in measurements(record).items():
        info = record.measures.get(measure_of(name))
        direction = measurement.direction if info is None or info.ranks else None
        if direction is not None and measurement.value is not None:
            ways[name] = str(direction)
    return ways


def facts(record: RunRecord, sweep_id: str, axes: Mapping[str, str]) -> dict[str, Any]:
    """The composed config, the run's place on the axes of its sweep, and, under `record`, what identifies the run;
    nothing of how it was tracked, stored or launched, nor whether it was computed now.
    """
    content = record.to_json()
    config = {key: value for key, value in content["config"].items() if key not in CONFIG_LEFT_OUT}
    about = {key: value for key, value in content.items() if key not in RECORD_LEFT_OUT}
    about["timing"] = {key: value for key, value in (content["timing"] or {}).items() if key != "sittings"}
    about["artifacts"] = {artifact.key: artifact.id for artifact in record.artifacts}
    return {**config, "axes": dict(axes), "record": {**about, "sweep_id": sweep_id}}


def curves(record: RunRecord, results: Path) -> list[dict[str, Any]]:
    """The training curves, rows of stage, step and scalars; empty for a run without stages in the store."""
    rows: list[dict[str, Any]] = []
    for stage in record.model.stages if record.model else ():
        path = Store(results).path("stages", stage.id) / "training.json"
        if path.exists():
            points = json.loads(path.read_text(encoding="utf-8"))["curves"]
            rows += [{"stage": stage.name, **point} for point in points]
    return rows


def table(sweep: Sweep, records: Sequence[RunRecord]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a sweep, one row a run, None where a run has no such number; references are not a run's."""
    families = by_family(records)
    names = {
        run.run_id: " · ".join(label)
        for label, family in zip(labels(families), families, strict=True)
        for run in family
    }
    places = {job.run_id: job.axes for job in reversed(sweep.jobs)}
    axes = dict.fromkeys(axis for job in sweep.jobs for axis in job.axes)
    values = {record.run_id: numbers(record) for record in records}
    keys = list(dict.fromkeys(key for named in values.values() for key in named if not of_reference(key)))
    rows = [
        [
            names[record.run_id],
            record.run_id,
            record.name,
            record.sampler.name if record.sampler else None,
            record.provenance.seeds.get("training"),
            str(record.status),
            record.reason,
            *(places.get(record.run_id, {}).get(axis) for axis in axes),
            *(None if key not in values[record.run_id] else float(values[record.run_id][key]) for key in keys),
        ]
        for record in records
    ]
    fixed = ["name", "run_id", "model", "sampler", "seed", "status", "reason"]
    return [*fixed, *(f"axes/{axis}" for axis in axes), *keys], rows


def of_reference(name: str) -> bool:
    """Whether a number (or its error) is of real images or of noise, which all runs share."""
    return any(f"{part}/" in name for part in REFERENCES)


def _word(row: str) -> str:
    """A row's name without spaces, which dashboards do not like in names."""
    return row.replace(" ", "_")
