"""genbench report: a sweep again, from the store: as a table, for a paper, or for a program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.store.records import RecordError, RunRecord, read_record
from genbench.store.sweeps import Sweep, read_sweep

FORMATS = ("table", "markdown", "csv", "latex", "json")


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    report = commands.add_parser("report", help="the table of a sweep, again, from the store")
    report.add_argument("sweep", nargs="?", default="", help="the start of a sweep's id (default: the newest)")
    report.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    report.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to the terminal")
    report.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")
    report.set_defaults(action=report_sweep)


def report_sweep(options: argparse.Namespace) -> int:
    """Print the sweep that was asked for, or write it to a file."""
    sweep, records = sweep_records(options.results, options.sweep)
    if options.output is None and options.format == "table":
        print_sweep(options.results, sweep, records)
    elif options.output is None:
        sys.stdout.write(formatted(records, options.format))
    else:
        try:
            options.output.write_text(formatted(records, options.format), encoding="utf-8")
        except OSError as error:
            raise UserError(f"--output {options.output}: {error.strerror}") from None
        print(f"sweep {sweep.sweep_id} in {options.output}")
    return 0


def formatted(records: list[RunRecord], style: str) -> str:
    """The records as text in one of FORMATS."""
    from genbench.reports.exports import to_csv, to_json
    from genbench.reports.latex import to_latex
    from genbench.reports.sweep import sweep_table
    from genbench.reports.table import to_markdown, to_text

    if style == "csv":
        return to_csv(records)
    if style == "json":
        return to_json(records)
    table = sweep_table(records)
    return {"table": to_text, "markdown": to_markdown, "latex": to_latex}[style](table)


def sweep_records(results: Path, sweep_id: str) -> tuple[Sweep, list[RunRecord]]:
    """The sweep whose id starts so (the newest for an empty one) and its records; UserError where there is none.

    A run whose record is gone or cannot be read is left out, and said so on standard error.
    """
    sweep = find_sweep(results, sweep_id)
    records = []
    for run_id in sweep.runs:
        try:
            records.append(read_record(results / run_id / "result.json"))
        except FileNotFoundError:
            print(f"genbench: left out: {run_id} has no record (any more)", file=sys.stderr)
        except RecordError as error:
            print(f"genbench: left out: {error}", file=sys.stderr)
    return sweep, records


def find_sweep(results: Path, sweep_id: str) -> Sweep:
    """The sweep whose id starts so, the newest for an empty id; UserError with the nearest where there is none."""
    sweep = read_sweep(results, sweep_id)
    if sweep is None and sweep_id and (valid := sweep_ids(results)):
        from genbench.commands.runs import unknown

        raise UserError(unknown("sweep", sweep_id, valid, results))
    if sweep is None:
        raise UserError(f"no sweep in '{results}'; `genbench run` makes one, --results names another folder")
    return sweep


def sweep_ids(results: Path) -> list[str]:
    """All ids, newest first."""
    return sorted((path.stem for path in (results / "sweeps").glob("*.json")), reverse=True)


def print_sweep(results: Path, sweep: Sweep, records: list[RunRecord]) -> None:
    """The table, and how to see it again."""
    from genbench.reports.table import print_table

    print_table(records)
    where = "" if results == Path("results") else f" --results {results}"
    print(
        f"\nsweep {sweep.sweep_id}: {len(records)} runs in {results}/ · again: genbench report {sweep.sweep_id}{where}"
    )
