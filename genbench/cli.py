"""genbench run | list | report | plugins: the words that a person types."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genbench.plugins import load_plugins
from genbench.registry import KINDS, UnknownNameError

RUN_HELP = """\
train or load models, draw under the clock, measure, and end with one table

  genbench run -m model=gan,pixelcnn seed=0,1,2     every combination (-m: multirun)
  genbench run model=gan sampler.truncation=0.7     one run
  genbench run model=gan debug=quick                everything in seconds, numbers mean nothing

Options are Hydra overrides: group=name, group.option=value. `genbench list` shows them.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """The console script. Exits with 0, with 1 if a run failed, with 2 if what was asked for cannot be."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["run"]:
        sys.exit(run(arguments[1:]))
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.action(options))
    except UnknownNameError as error:
        print(f"genbench: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="genbench",
        description="Which generative image model is better, at what, how sure are we, and what does an image cost?",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    commands.add_parser(
        "run",
        help="train, draw, measure and compare: Hydra overrides (`genbench run --help`)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing = commands.add_parser("list", help="what can be chosen by name")
    listing.add_argument("kind", nargs="?", help=f"one of: {', '.join(KINDS)}")
    listing.set_defaults(action=_list)
    plugins = commands.add_parser("plugins", help="installed plugins: loaded, blocked, broken")
    plugins.set_defaults(action=_plugins)
    report = commands.add_parser("report", help="the table of a sweep, again, from the store")
    report.add_argument("sweep", nargs="?", default="", help="the start of a sweep's id (default: the newest)")
    report.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")
    report.set_defaults(action=_report)
    return parser


def _list(options: argparse.Namespace) -> int:
    from rich.console import Console

    from genbench.reports.listing import list_entries

    Console().print(list_entries(load_plugins().registry, options.kind))
    return 0


def _plugins(options: argparse.Namespace) -> int:
    from rich.console import Console

    from genbench.reports.listing import list_plugins

    Console().print(list_plugins(load_plugins()))
    return 0


def _report(options: argparse.Namespace) -> int:
    from genbench.store.sweeps import read_sweep

    sweep = read_sweep(options.results, options.sweep)
    if sweep is None:
        which = f"sweep '{options.sweep}'" if options.sweep else "sweep"
        print(f"genbench: no {which} in '{options.results}'; `genbench run` makes one", file=sys.stderr)
        return 2
    return _print_sweep(options.results, sweep.sweep_id)


def _print_sweep(results: Path, sweep_id: str) -> int:
    """Print the sweep's table; 1 if a run of it failed."""
    from genbench.reports.table import print_table
    from genbench.store.records import Status, read_record
    from genbench.store.sweeps import read_sweep

    sweep = read_sweep(results, sweep_id)
    if sweep is None:
        return 2
    records = [read_record(results / run_id / "result.json") for run_id in sweep.runs]
    print_table(records)
    print(f"\nsweep {sweep.sweep_id}: {len(records)} runs in {results}/ · again: genbench report {sweep.sweep_id}")
    if len(records) == 1 and records[0].status is Status.INCOMPATIBLE:
        return 2
    return 1 if any(record.status in (Status.FAILED, Status.DIVERGED) for record in records) else 0


def run(arguments: Sequence[str]) -> int:
    """`genbench run`: Hydra composes (and sweeps), each job is one run of the sweep, the table ends it."""
    if list(arguments) in (["-h"], ["--help"]):
        print(RUN_HELP)
        return 0
    from genbench.config.entry import SWEEP, launch
    from genbench.store.sweeps import new_sweep_id

    os.environ[SWEEP.id] = new_sweep_id()
    os.environ[SWEEP.command] = shlex.join(["genbench", "run", *arguments])
    with tempfile.TemporaryDirectory(prefix="genbench-") as scratch:
        os.environ[SWEEP.scratch] = scratch
        results = launch(arguments)
    return _print_sweep(results, os.environ[SWEEP.id]) if results else 0
