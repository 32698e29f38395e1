"""Records for programs: one row a run, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep

LEFT_OUT = ("measures", "artifacts", "timing.sittings")
"""What has no place in a row a run; result.json has it."""
WORDS = ("estimand", "direction", "reason", "unit", "protocol", "group")
"""What a measurement says besides its numbers and marks: the same in every row."""
LAST = ("config", "provenance")
"""The widest parts of a record stand last."""


class CsvFormat:
    """`genbench report --format csv`."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """One row a run."""
        return to_csv(records)


class JsonFormat:
    """`genbench report --format json`."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """The records, as they are in the runs' result.json."""
        return json.dumps([record.to_json() for record in records], indent=1, ensure_ascii=False) + "\n"


def to_csv(records: Sequence[RunRecord]) -> str:
    """One row a run. A column's name is the place in result.json (docs/results.md): `rows.generated.digits/kid.value`.

    Numbers are written in full; what a run does not have is empty.
    """
    rows = [dict(_leaves(_kept(record), "")) for record in records]
    columns = dict.fromkeys(column for row in rows for column in row)
    first = [column for column in columns if _top(column) not in LAST]
    last = [column for part in LAST for column in columns if _top(column) == part]
    page = io.StringIO()
    writer = csv.DictWriter(page, [*first, *last], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return page.getvalue()


def _kept(record: RunRecord) -> dict[str, Any]:
    """A record as JSON, its measurements without words."""
    content = record.to_json()
    content["rows"] = {row: _numbers(measurements) for row, measurements in content["rows"].items()}
    content["costs"] = _numbers(content["costs"])
    return content


def _numbers(row: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {name: value for name, value in each.items() if name not in WORDS} for key, each in row.items()}


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every plain value below, by its dotted place; lists by number, true and false as in JSON, null left out."""
    if where in LEFT_OUT:
        return
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
