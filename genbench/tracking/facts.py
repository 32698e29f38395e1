"""Records as flat names and numbers, the form that dashboards want; docs/tracking.md describes the names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genbench.reports.columns import UNRANKED
from genbench.reports.labels import labels
from genbench.statistics.replicates import by_family
from genbench.store.artifacts import Store
from genbench.store.records import RunRecord, Scores

ERRORS = "standard_errors"
"""The standard error of the number `x/y` is `standard_errors/x/y`."""

COSTS = {"images_per_second": "higher", "latency_ms_p50": "lower", "latency_ms_p90": "lower"}
"""What the clock measured and models may be ranked by."""


def numbers(record: RunRecord) -> dict[str, float]:
    """All numbers of a record by their path in result.json: "metrics/digits/kid", "sampling/latency_ms_p50", …"""
    found: dict[str, float] = {}
    for section, scores in _score_sections(record).items():
        for key, score in scores.items():
            found[f"{section}/{key}"] = score.value
            if score.standard_error is not None:
                found[f"{ERRORS}/{section}/{key}"] = score.standard_error
    for section in ("sampling", "training"):
        part = getattr(record, section)
        for name, value in asdict(part).items() if part else ():
            if isinstance(value, int | float) and not isinstance(value, bool):
                # The one error bar that is not a score's: under the same roof as the others.
                measured = name.removesuffix("_error")
                found[f"{section}/{name}" if measured == name else f"{ERRORS}/{section}/{measured}"] = value
    if record.model.parameters is not None:
        found["model/parameters"] = record.model.parameters
    return found


def directions(record: RunRecord) -> dict[str, str]:
    """Which way is better, "lower" or "higher", of every number of a record that models may be ranked by."""
    found = {
        f"{section}/{key}": str(score.direction)
        for section, scores in _score_sections(record).items()
        for key, score in scores.items()
        if key.partition("/")[2] not in UNRANKED
    }
    return found | ({f"sampling/{name}": way for name, way in COSTS.items()} if record.sampling else {})


def facts(record: RunRecord, sweep_id: str) -> dict[str, Any]:
    """The composed config and, under `record`, what identifies the run; nothing of how it was tracked or stored."""
    content = record.to_json()
    kept = ("run_id", "family", "status", "quick", "dataset", "model", "sampler", "features", "artifacts", "provenance")
    return {
        **{key: value for key, value in content["config"].items() if key not in ("tracking", "results")},
        "record": {**{key: content[key] for key in kept}, "sweep_id": sweep_id},
    }


def curves(record: RunRecord, results: Path) -> list[dict[str, Any]]:
    """The training curves, rows of stage, step and losses; empty for a run without a model in the store."""
    if record.model.id is None:
        return []
    path = Store(results).path("models", record.model.id) / "training.json"
    return list(json.loads(path.read_text())["curves"]) if path.exists() else []


def table(records: Sequence[RunRecord]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a sweep, one row a run, None where a run has no such number; references are not a run's."""
    families = by_family(records)
    names = {
        run.run_id: " · ".join(label)
        for label, family in zip(labels(families), families, strict=True)
        for run in family
    }
    found = {record.run_id: numbers(record) for record in records}
    keys = list(dict.fromkeys(key for values in found.values() for key in values if "references/" not in key))
    rows = [
        [
            names[record.run_id],
            record.run_id,
            record.model.name,
            record.sampler.name,
            record.provenance.seeds.get("training"),
            record.status.value,
            record.reason,
            *(None if key not in found[record.run_id] else float(found[record.run_id][key]) for key in keys),
        ]
        for record in records
    ]
    return ["name", "run_id", "model", "sampler", "seed", "status", "reason", *keys], rows


def _score_sections(record: RunRecord) -> dict[str, Scores]:
    references = {f"references/{name}": scores for name, scores in record.references.items()}
    return {"metrics": record.metrics, "metrics_at_floor": record.metrics_at_floor, **references}
