"""genbench run: Hydra composes (and sweeps), each job is one run of the sweep, the table ends it."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.commands.report import print_sweep, sweep_records
from genbench.discovery.plugins import FOLDERS
from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import new_sweep_id
from genbench.tracking import safely
from genbench.training.signals import terminate_as_interrupt

INTERRUPTED = 130  # 128 + SIGINT, as shells say it

HELP = """\
train or load models, draw under the clock, measure, and end with one table

  genbench run -m model=gan,pixelcnn seed=0,1,2     every combination (-m: multirun)
  genbench run model=gan sampler.truncation=0.7     one run
  genbench run model=gan debug=quick                everything in seconds, numbers mean nothing

Options are Hydra overrides: group=name, group.option=value. `genbench list` shows them;
`genbench run --cfg job model=gan` shows the config that comes of them.
Exit code: 0 if all that could run did, 1 if a run failed, 2 if what was asked for cannot be.
"""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers; its own arguments are Hydra's, so `run` is called with them raw."""
    commands.add_parser("run", help="train, draw, measure and compare (`genbench run --help`)")


def run(arguments: Sequence[str]) -> int:
    """Run the sweep, print its table, return the exit code. Raises UserError for mistakes, before any work."""
    if list(arguments) in (["-h"], ["--help"]):
        print(HELP)
        return 0
    from genbench.config.entry import SWEEP, MistakeError, launch
    from genbench.config.tracking import tracking_again

    sweep_id, command = new_sweep_id(), shlex.join(["genbench", *plugin_folders(), "run", *arguments])
    with tempfile.TemporaryDirectory(prefix="genbench-") as scratch, terminate_as_interrupt():
        os.environ |= {SWEEP.id: sweep_id, SWEEP.command: command, SWEEP.scratch: scratch}
        try:
            reports = launch(arguments)
        except MistakeError as mistake:
            raise UserError(str(mistake)) from None
        except KeyboardInterrupt:
            print(
                f"\ninterrupted; what is finished is kept. The same command goes on from here:\n  {command}",
                file=sys.stderr,
            )
            return INTERRUPTED
    refused = [report.refused for report in reports if report.refused]
    lost = [report.lost for report in reports if report.lost]
    ran = [report for report in reports if report.run_id]
    records: list[RunRecord] = []
    if ran:
        sweep, records = sweep_records(Path(ran[0].results), sweep_id)
        print_sweep(Path(ran[0].results), sweep, records)
        tracking = tracking_again(ran[0].tracking)
        safely(
            lambda: tracking.build().finish_sweep(sweep, records, Path(ran[0].results)), tracking.entry.name, sweep_id
        )
    for reason in [*(refused if len(reports) > 1 else ()), *lost]:
        print(f"no run came of a job: {reason}", file=sys.stderr)
    return exit_code(records, refused) or (1 if lost else 0)


def plugin_folders() -> list[str]:
    """The folders of loose plugins, as they would be typed: part of the command that is to be run again."""
    folders = [folder for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [word for folder in folders for word in ("--plugins-dir", folder)]


def exit_code(records: Sequence[RunRecord], refused: Sequence[str] = ()) -> int:
    """What the shell is told: `refused` are jobs that could not even become runs."""
    incompatible = [record for record in records if record.status is Status.INCOMPATIBLE]
    if len(records) + len(refused) == 1 and (incompatible or refused):
        return 2
    failed = [record for record in records if record.status in (Status.FAILED, Status.DIVERGED)]
    return 1 if failed or refused else 0
