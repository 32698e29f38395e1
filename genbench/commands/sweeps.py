"""Sweeps as a person names them, by the start of an id, and their records as far as they can be read."""

from __future__ import annotations

import sys
from pathlib import Path

from genbench.commands.errors import UserError, not_there
from genbench.store.records import OlderRecordError, RecordError, RunRecord, read_record
from genbench.store.sweeps import ManyMatchesError, Sweep, read_sweep, sweep_ids


def find_sweep(results: Path, prefix: str) -> Sweep:
    """The sweep whose id starts so, the newest for an empty start; UserError where there is none, or are several."""
    try:
        sweep = read_sweep(results, prefix)
    except (ManyMatchesError, RecordError) as error:
        raise UserError(str(error)) from None
    if sweep is not None:
        return sweep
    if valid := sweep_ids(results):
        raise not_there("sweep", prefix, valid, results)
    raise UserError(f"no sweep in '{results}'; `genbench run` makes one, --results names another folder")


def sweep_records(results: Path, sweep: Sweep) -> list[RunRecord]:
    """The records of a sweep's runs, in the order of its jobs.

    A run whose record is gone, older or damaged is left out, and said so on standard error.
    """
    records, older = [], []
    for run_id in sweep.runs:
        try:
            records.append(read_record(results / run_id / "result.json"))
        except FileNotFoundError:
            _say(f"{run_id} has no record (any more)")
        except OlderRecordError:
            older.append(run_id)
        except RecordError as error:
            _say(str(error))
    if older:
        _say(f"{', '.join(older)}: recorded by an older genbench; the same command makes the record anew")
    return records


def _say(why: str) -> None:
    print(f"genbench: left out: {why}", file=sys.stderr)
