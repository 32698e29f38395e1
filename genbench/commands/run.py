"""genbench run: Hydra composes (and sweeps), each job is one run of the sweep, the table ends it."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence
from typing import Any

from genbench.commands.report import print_sweep, sweep_records
from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import new_sweep_id

HELP = """\
train or load models, draw under the clock, measure, and end with one table

  genbench run -m model=gan,pixelcnn seed=0,1,2     every combination (-m: multirun)
  genbench run model=gan sampler.truncation=0.7     one run
  genbench run model=gan debug=quick                everything in seconds, numbers mean nothing

Options are Hydra overrides: group=name, group.option=value. `genbench list` shows them;
`genbench run --cfg job model=gan` shows the config that comes of them.
"""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers; its own arguments are Hydra's, so `run` is called with them raw."""
    commands.add_parser("run", help="train, draw, measure and compare (`genbench run --help`)")


def run(arguments: Sequence[str]) -> int:
    """Exit code: 0 if all that could run did, 1 if a run failed, 2 if a single run is of what cannot work."""
    if list(arguments) in (["-h"], ["--help"]):
        print(HELP)
        return 0
    from genbench.config.entry import SWEEP, launch

    os.environ[SWEEP.id] = new_sweep_id()
    os.environ[SWEEP.command] = shlex.join(["genbench", "run", *arguments])
    with tempfile.TemporaryDirectory(prefix="genbench-") as scratch:
        os.environ[SWEEP.scratch] = scratch
        results = launch(arguments)
    if results is None:  # --cfg, --info: nothing was run
        return 0
    sweep, records = sweep_records(results, os.environ[SWEEP.id])
    print_sweep(results, sweep, records)
    return exit_code(records)


def exit_code(records: Sequence[RunRecord]) -> int:
    """What the shell is told of a sweep with these runs."""
    if len(records) == 1 and records[0].status is Status.INCOMPATIBLE:
        return 2
    return 1 if any(record.status in (Status.FAILED, Status.DIVERGED) for record in records) else 0
