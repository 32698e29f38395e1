"""Records for programs: one row a run, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genbench.store.records import RunRecord

WORDS = ("estimand", "direction", "reason")
"""What a score says besides its numbers: the same in every row, and in result.json."""
SCORES = ("metrics", "metrics_at_floor", "references")
LAST = ("config", "provenance")
"""The widest parts of a record stand last."""


def to_csv(records: Sequence[RunRecord]) -> str:
    """One row a run. A column's name is the place in result.json (docs/results.md): `metrics.digits/kid.value`.

    Numbers are written in full; what a run does not have is empty.
    """
    rows = [dict(_flat(record)) for record in records]
    columns = dict.fromkeys(column for row in rows for column in row)
    first = [column for column in columns if _top(column) not in LAST]
    last = [column for part in LAST for column in columns if _top(column) == part]
    page = io.StringIO()
    writer = csv.DictWriter(page, [*first, *last], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return page.getvalue()


def to_json(records: Sequence[RunRecord]) -> str:
    """The records, as they are in the runs' result.json."""
    return json.dumps([record.to_json() for record in records], indent=1, ensure_ascii=False) + "\n"


def _flat(record: RunRecord) -> Iterator[tuple[str, Any]]:
    for column, value in _leaves(record.to_json(), ""):
        is_words = _top(column) in SCORES and column.rpartition(".")[2] in WORDS
        if not is_words:
            yield column, value


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every plain value below, by its dotted place; lists by number, true and false as in JSON, null left out."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{where}.{i}")
    elif isinstance(value, bool):
        yield where, "true" if value else "false"
    elif value is not None:
        yield where, value


def _top(column: str) -> str:
    return column.partition(".")[0]
