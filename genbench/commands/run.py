"""genbench run: every job is checked, then run, and the table of the sweep ends it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.discovery.plugins import FOLDERS
from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import Job, new_sweep_id
from genbench.training.signals import terminate_as_interrupt

INTERRUPTED = 130  # 128 + SIGINT, as shells say it

HELP = """\
train or load models, draw under the clock, measure, and end with one table

  genbench run -m model=gan,pixelcnn seed=0,1,2     every combination (-m: multirun)
  genbench run model=gan sampler.truncation=0.7     one run
  genbench run model=gan debug=quick                everything in seconds, numbers mean nothing
  torchrun --nproc-per-node 2 -m genbench run ...   two processes at every run

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
    from genbench.config.commandline import parse
    from genbench.config.entry import prepare
    from genbench.config.mistakes import MistakeError
    from genbench.config.shown import show
    from genbench.running.progress import announce

    world = None
    if "RANK" in os.environ:  # only torchrun's processes need torch before the command is understood
        from genbench.running.following import follow
        from genbench.running.ranks import processes

        world = processes()
        if world is not None and world.rank > 0:
            return follow(world)
    text = shlex.join(["genbench", *plugin_folders(), "run", *arguments])
    try:
        with terminate_as_interrupt():
            command = parse(arguments)
            if command.shown:
                return show(arguments)
            prepared = prepare(command, new_sweep_id(), text)
            for line in prepared.lines:
                announce(line)
            from genbench.config.start import start  # imports torch: not for what is only shown or refused

            launched = start(prepared, world)
    except MistakeError as mistake:
        raise UserError(str(mistake)) from None
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what is finished is kept. The same command goes on from here:\n  {text}", file=sys.stderr
        )
        return INTERRUPTED
    results = prepared.plans[0].results
    if launched.records:
        from genbench.commands.report import print_sweep
        from genbench.tracking.tracker import safely

        sweep, records = launched.sweep, launched.records
        print_sweep(results, sweep, records)
        tracking = prepared.plans[0].tracking
        safely(lambda: tracking.build().finish_sweep(sweep, records, results), tracking.name, sweep.sweep_id)
    for reason in unreported(launched.sweep.jobs):
        print(f"no run came of a job: {reason}", file=sys.stderr)
    return exit_code(launched.records, launched.sweep.jobs)


def unreported(jobs: Sequence[Job]) -> list[str]:
    """A line for each of several jobs that became no run, and for each that was lost."""
    lines = []
    for job in jobs:
        name = f"{job.number + 1} ({' '.join(job.overrides)})"
        if job.state == "refused" and len(jobs) > 1:
            lines.append(f"{name}: {job.reason}")
        elif job.state not in ("refused", "done"):
            lines.append(f"{name}: {job.reason or 'it never reported; the same command goes on from here'}")
    return lines


def plugin_folders() -> list[str]:
    """The folders of loose plugins, as they would be typed: part of the command that is to be run again."""
    folders = [folder for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [word for folder in folders for word in ("--plugins-dir", str(Path(folder)))]


def exit_code(records: Sequence[RunRecord], jobs: Sequence[Job] = ()) -> int:
    """What the shell is told."""
    refused = [job for job in jobs if job.state == "refused"]
    lost = [job for job in jobs if job.state not in ("refused", "done")]
    incompatible = [record for record in records if record.status == Status.INCOMPATIBLE]
    if len(records) + len(refused) == 1 and (incompatible or refused) and not lost:
        return 2
    failed = [record for record in records if record.status in (Status.FAILED, Status.DIVERGED)]
    return 1 if failed or refused or lost else 0
