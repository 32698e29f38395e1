"""genbench run: every job is checked, then run, and the table of the sweep ends it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.commands.errors import UserError
from genbench.discovery.plugins import FOLDERS, load_plugins
from genbench.registry.names import UnknownNameError
from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import Sweep, lost_jobs, new_sweep_id
from genbench.training.signals import terminate_as_interrupt

if TYPE_CHECKING:
    from genbench.running.plan import Plan
    from genbench.running.ranks import World

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

    world: World | None = None
    first = os.environ.get("RANK", "0") == "0"  # of torchrun's processes only this one says anything
    text = shlex.join(["genbench", *plugin_folders(), "run", *arguments])
    try:
        with terminate_as_interrupt():
            command = parse(arguments)
            if command.shown:
                return show(arguments) if first else 0
            if "RANK" in os.environ:  # only torchrun's processes need torch before the command is understood
                from genbench.running.following import dismiss, follow
                from genbench.running.ranks import processes

                try:
                    world = processes()
                except ValueError as error:
                    raise UserError(str(error)) from None
                if world is not None and world.rank > 0:
                    load_plugins()  # plans hold their classes
                    return follow(world)
            try:
                prepared = prepare(command, new_sweep_id(), text)
                for line in prepared.lines:
                    announce(line)
                from genbench.config.start import start  # imports torch: not for what is only shown or refused

                records = start(prepared, world)
            except (MistakeError, UnknownNameError):  # before the first job
                if world is not None:
                    dismiss(world)
                raise
    except MistakeError as mistake:
        if not first:
            return 2
        raise UserError(str(mistake)) from None
    except KeyboardInterrupt:
        if first:
            words = "interrupted; what is finished is kept. The same command goes on from here"
            print(f"\n{words}:\n  {text}", file=sys.stderr)
        return INTERRUPTED
    return ended(prepared.plans[0], records)


def ended(plan: Plan, records: Sequence[RunRecord]) -> int:
    """Print the table of the sweep that this plan is part of, and say what became no run; the exit code."""
    from genbench.running.jobs import came_of

    sweep = came_of(plan)
    if records:
        from genbench.commands.report import print_sweep
        from genbench.tracking.tracker import safely

        print_sweep(plan.results, sweep, records)
        tracking = plan.tracking
        safely(lambda: tracking.build().finish_sweep(sweep, records, plan.results), tracking.name, sweep.sweep_id)
    for line in troubles(sweep):
        print(line, file=sys.stderr)
    return exit_code(records, sweep)


def troubles(sweep: Sweep) -> list[str]:
    """A line for each of several jobs that became no run, for each that was lost, and for each that failed where the
    run had been done before.
    """
    lost = lost_jobs(sweep)
    lines = []
    for job in sweep.jobs:
        name = f"{job.number + 1} ({' '.join(job.overrides)})"
        if job.state == "failed":
            lines.append(f"job {name} failed; the table shows what an earlier command measured: {job.reason}")
        elif job in lost:
            reason = job.reason or "it never reported; the same command goes on from here"
            lines.append(f"no run came of job {name}: {reason}")
        elif job.state == "refused" and len(sweep.jobs) > 1:
            lines.append(f"no run came of job {name}: {job.reason}")
    return lines


def exit_code(records: Sequence[RunRecord], sweep: Sweep) -> int:
    """What the shell is told: 2 if nothing that was asked for can be, 1 if anything failed, else 0."""
    refused = [job for job in sweep.jobs if job.state == "refused"]
    failed = [record for record in records if record.status in (Status.FAILED, Status.DIVERGED)]
    failed_now = [job for job in sweep.jobs if job.state == "failed"]
    if not lost_jobs(sweep) and all(record.status == Status.INCOMPATIBLE for record in records):
        return 2
    return 1 if failed or failed_now or refused or lost_jobs(sweep) else 0


def plugin_folders() -> list[str]:
    """The folders of loose plugins, as they would be typed: part of the command that is to be run again."""
    folders = [folder for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [word for folder in folders for word in ("--plugins-dir", str(Path(folder)))]
