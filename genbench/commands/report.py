"""genbench report: a sweep again, from the store: as a table, for a paper, or for a program."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.commands.sweeps import find_sweep, sweep_records
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep, lost_jobs

TABLE = "table"


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    report = commands.add_parser("report", help="the table of a sweep, again, from the store")
    report.add_argument("sweep", nargs="?", default="", help="the start of a sweep's id (default: the newest)")
    report.add_argument(
        "--format", metavar="NAME", default=TABLE, help="one of `genbench list report` (default: table)"
    )
    report.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to the terminal")
    report.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")
    report.set_defaults(action=report_sweep)


def report_sweep(options: argparse.Namespace) -> int:
    """Print the sweep that was asked for, or write it to a file."""
    from genbench.discovery.plugins import load_plugins

    entry = load_plugins().registry.get("report", options.format)
    sweep = find_sweep(options.results, options.sweep)
    records = sweep_records(options.results, sweep)
    if options.output is None and options.format == TABLE:
        print_sweep(options.results, sweep, records)
        if unfinished := len(lost_jobs(sweep)):
            print(
                f"{unfinished} of its {len(sweep.jobs)} jobs have not ended; if nothing works on them: {sweep.command}"
            )
        return 0
    text: str = entry.load()(entry.options()).render(sweep, records)
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror}") from None
    print(f"sweep {sweep.sweep_id} in {options.output}")
    return 0


def print_sweep(results: Path, sweep: Sweep, records: Sequence[RunRecord]) -> None:
    """The table, and how to see it again from here."""
    from genbench.reports.table import print_table

    print_table(sweep, records)
    folder, here = results.resolve(), Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    where = "" if shown == Path("results") else f" --results {shlex.quote(str(shown))}"
    runs = f"{len(records)} run{'' if len(records) == 1 else 's'}"
    print(f"\nsweep {sweep.sweep_id}: {runs} in {shown}/ · again: genbench report {sweep.sweep_id}{where}")
