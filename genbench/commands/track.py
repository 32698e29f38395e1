"""genbench track: a finished sweep, mirrored afterwards."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from genbench.commands.errors import UserError
from genbench.commands.sweeps import find_sweep, sweep_records
from genbench.tracking.tracker import NOWHERE, Tracker, TrackerUnavailableError, safely

EXAMPLE = "genbench track SWEEP tracking=wandb tracking.project=NAME"


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    track = commands.add_parser("track", help="mirror a finished sweep to a dashboard", epilog=f"example: {EXAMPLE}")
    track.add_argument(
        "words",
        nargs="*",
        metavar="SWEEP tracking=NAME tracking.OPTION=VALUE",
        help="the start of a sweep's id (default: the newest), and overrides of the group tracking",
    )
    track.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")
    track.set_defaults(action=track_sweep)


def track_sweep(options: argparse.Namespace) -> int:
    """Mirror every run of the sweep, then the sweep; 1 if anything could not be mirrored."""
    from genbench.config.compose import ConfigError
    from genbench.config.tracking import compose_tracking

    overrides = [word for word in options.words if "=" in word]
    names = [word for word in options.words if "=" not in word]
    if len(names) > 1:
        raise UserError(f"one sweep at a time, not {' and '.join(names)}: {EXAMPLE}")
    if strangers := [word for word in overrides if not word.startswith("tracking")]:
        raise UserError(f"{strangers[0]}: a finished sweep takes no options but those of tracking: {EXAMPLE}")
    try:
        tracking = compose_tracking(overrides)
        if tracking.name == "none":
            raise UserError(f"no tracker is named: {EXAMPLE} (`genbench list tracking` shows them)")
        tracker: Tracker = tracking.build()
    except (ConfigError, TrackerUnavailableError) as error:
        raise UserError(str(error)) from None
    sweep = find_sweep(options.results, "".join(names))
    records = sweep_records(options.results, sweep)
    axes = {job.run_id: job.axes for job in reversed(sweep.jobs)}
    actions = [
        partial(tracker.mirror, record, options.results, sweep.sweep_id, axes.get(record.run_id, NOWHERE))
        for record in records
    ]
    actions.append(partial(tracker.finish_sweep, sweep, records, options.results))
    done = [safely(action, tracking.name, sweep.sweep_id) for action in actions]
    if not all(done):
        return 1
    print(f"sweep {sweep.sweep_id}: {len(records)} runs mirrored, tracking={tracking.name}")
    return 0
