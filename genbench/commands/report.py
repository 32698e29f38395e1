"""genbench report: the table of a sweep, again, from the store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.store.records import RunRecord, read_record
from genbench.store.sweeps import Sweep, read_sweep


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    report = commands.add_parser("report", help="the table of a sweep, again, from the store")
    report.add_argument("sweep", nargs="?", default="", help="the start of a sweep's id (default: the newest)")
    report.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")
    report.set_defaults(action=report_sweep)


def report_sweep(options: argparse.Namespace) -> int:
    """Print the table of the sweep that was asked for."""
    sweep, records = sweep_records(options.results, options.sweep)
    print_sweep(options.results, sweep, records)
    return 0


def sweep_records(results: Path, sweep_id: str) -> tuple[Sweep, list[RunRecord]]:
    """The sweep whose id starts so (the newest for an empty one) and its records; UserError where there is none."""
    sweep = read_sweep(results, sweep_id)
    if sweep is None:
        which = f"sweep '{sweep_id}'" if sweep_id else "sweep"
        raise UserError(f"no {which} in '{results}'; `genbench run` makes one, --results names another folder")
    return sweep, [read_record(results / run_id / "result.json") for run_id in sweep.runs]


def print_sweep(results: Path, sweep: Sweep, records: list[RunRecord]) -> None:
    """The table, and how to see it again."""
    from genbench.reports.table import print_table

    print_table(records)
    print(f"\nsweep {sweep.sweep_id}: {len(records)} runs in {results}/ · again: genbench report {sweep.sweep_id}")
