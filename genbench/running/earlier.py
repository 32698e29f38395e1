"""A run's earlier record: what it had measured is asked for again, so that each number is current or measured anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from genbench.measuring.scores import MetricsError, check_metrics
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry
from genbench.store.locks import held, lock_path
from genbench.store.records import ChoiceRecord, RunRecord, Status

Catalogue = Mapping[str, Mapping[str, Entry]]
"""Every registered entry of the kinds "features" and "metrics", by name."""


@contextmanager
def at_work(results: Path, run_id: str, say: Callable[[str], None]) -> Iterator[None]:
    """One process at a time works on a run, whatever it asks for: it adds to the record that the others left."""
    with held(lock_path(results, "run", run_id), f"run {run_id}", say):
        yield


def features_too(asked: Mapping[str, Choice], before: RunRecord | None, catalogue: Catalogue) -> dict[str, Choice]:
    """The extractors that are asked for, and those of an earlier record that can still be had."""
    choices: dict[str, Choice] = {}
    for name, choice in _earlier(before.features if before else {}, catalogue.get("features", {})):
        try:
            choice.entry.load().fingerprint(choice.options)
        except (ValueError, OSError, RuntimeError):  # its weights are gone, and nobody asked for it this time
            continue
        choices[name] = choice
    return {**choices, **asked}


def metrics_too(asked: Mapping[str, Choice], before: RunRecord | None, catalogue: Catalogue) -> dict[str, Choice]:
    """The metrics that are asked for, and those of an earlier record that do not give measures of the same names."""
    choices: dict[str, Choice] = {}
    for name, choice in _earlier(before.metrics if before else {}, catalogue.get("metrics", {})):
        try:
            check_metrics({**choices, name: choice, **asked})
        except MetricsError:
            continue
        choices[name] = choice
    return {**choices, **asked}


def _earlier(records: Mapping[str, ChoiceRecord], entries: Mapping[str, Entry]) -> Iterator[tuple[str, Choice]]:
    """What a record chose, as far as it is still registered with these options; nothing of a run that is not done."""
    for name, record in records.items():
        if record.name in entries:
            try:
                yield name, Choice(entries[record.name], entries[record.name].options(**record.options))
            except (TypeError, ValueError):
                continue


def finished(record: RunRecord | None) -> RunRecord | None:
    """The record, if its run is done."""
    return record if record is not None and record.status == Status.DONE else None
