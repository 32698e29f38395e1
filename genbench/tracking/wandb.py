"""Weights & Biases, offline unless told otherwise: a group is a sweep, a job type a model, a run a record.

The package is imported only where it is used, so that genbench works without it.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import Sweep
from genbench.tracking.facts import ERRORS, REFERENCES, curves, directions, facts, marks, numbers, of_reference, table
from genbench.tracking.options import Mode, WandbOptions
from genbench.tracking.tracker import NOWHERE, TrackerUnavailableError

ID_LENGTH = 64  # W&B's limit


class WandbTracker:
    """Mirrors records to W&B. Raises TrackerUnavailableError if wandb is not installed or, online, not logged in."""

    def __init__(self, options: WandbOptions) -> None:
        self.options = options
        if importlib.util.find_spec("wandb") is None:
            raise TrackerUnavailableError(
                "tracking=wandb needs the package wandb: pip install wandb (or: tracking=none)"
            )
        if options.mode is Mode.online:
            _log_in()

    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = NOWHERE) -> None:
        """One W&B run: config, training curves, numbers with their directions and errors, and the sample grid."""
        import wandb

        config = facts(record, sweep_id, axes)
        with self._run(results, record.run_id, sweep_id, record.name, _tags(record), config) as run:
            _log_curves(run, curves(record, results))
            values = numbers(record)
            _define(run, directions(record))
            content: dict[str, Any] = dict(values)
            grid = results / record.run_id / "samples.png"
            if grid.exists():
                content["samples"] = wandb.Image(str(grid), caption=record.run_id)
            if content:
                run.log(content)
            # Last, and plain: a summary by aggregation would be {"min": value}.
            words = {"status": str(record.status), "reason": record.reason or "", **marks(record)}
            run.summary.update({**values, **words})
            run.finish(exit_code=int(record.status in (Status.FAILED, Status.DIVERGED)))

    def finish_sweep(self, sweep: Sweep, records: Sequence[RunRecord], results: Path) -> None:
        """One more W&B run in the group, of job type "sweep": all runs in one table, and how many ended how."""
        import wandb

        columns, rows = table(sweep, records)
        axes = [{axis: list(values) for axis, values in each.items()} for each in sweep.axes]
        config = {"sweep_id": sweep.sweep_id, "command": sweep.command, "utc": sweep.utc, "axes": axes}
        config["runs"] = list(sweep.runs)
        with self._run(results, "sweep", sweep.sweep_id, "sweep", [], config) as run:
            run.log({"sweep": wandb.Table(columns=columns, data=rows)})
            run.summary.update({"runs": len(records), **Counter(str(record.status) for record in records)})

    @contextmanager
    def _run(
        self, results: Path, name: str, sweep_id: str, job_type: str, tags: Sequence[str], config: dict[str, Any]
    ) -> Iterator[Any]:
        """A W&B run that replaces what was mirrored under the same id, and knows nothing of this process."""
        import wandb

        options, run_id = self.options, wandb_id(name, sweep_id)
        parent = Path(options.directory) if options.directory else results
        folder = parent / "wandb"
        folder.mkdir(parents=True, exist_ok=True)  # where there is none, wandb would silently take a temporary one
        with FileLock(folder / "genbench.lock"):  # two jobs of a sweep may come to the same run
            for earlier in folder.glob(f"offline-run-????????_??????-{run_id}"):
                shutil.rmtree(earlier)
            with wandb.init(
                project=options.project,
                entity=options.entity or None,
                mode=options.mode.value,
                dir=str(parent),
                id=run_id,
                name=name,
                group=sweep_id,
                job_type=job_type,
                tags=list(dict.fromkeys([*tags, *options.tags])),
                config=config,
                reinit="create_new",  # a run of the user's own in this process stays theirs
                # A mirror is not the run: this process's output, machine, code and packages would be the wrong ones.
                settings=wandb.Settings(
                    silent=True,
                    console="off",
                    disable_code=True,
                    disable_git=True,
                    x_disable_machine_info=True,
                    x_disable_meta=True,
                    x_disable_stats=True,
                    x_save_requirements=False,
                ),
            ) as run:
                yield run
            if wandb.run is None or wandb.run.disabled:  # nobody else's run is active; a disabled one needs no process
                # Offline, the end may not be on disk yet; and W&B's process would stay while the next run is timed.
                wandb.teardown()


def wandb_id(name: str, sweep_id: str) -> str:
    """The id of a run in W&B, where a run has one group: unlike ours it is one of its sweep's own.

    >>> wandb_id("gan-digits-s0-1a2b3c4d", "20260102-030405-abcd")
    'gan-digits-s0-1a2b3c4d-20260102-030405-abcd'
    """
    return re.sub(r"[^\w-]", "-", f"{name}-{sweep_id}")[-ID_LENGTH:]  # the end tells runs apart, the start explains


def _tags(record: RunRecord) -> list[str]:
    """What the run is of, as far as it has that, and how it ended."""
    parts = (record.dataset, record.sampler, record.task)
    toy = ["quick"] if record.quick else []
    return [record.name, *(part.name for part in parts if part), str(record.status), *toy]


def _log_in() -> None:
    import wandb

    try:
        known = wandb.login()
    except Exception as error:
        raise TrackerUnavailableError(f"tracking.mode=online: {error} (or: tracking.mode=offline)") from None
    if not known:
        raise TrackerUnavailableError(
            "tracking.mode=online: wandb is not logged in: run `wandb login` first (or: tracking.mode=offline)"
        )


def _log_curves(run: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Each stage of training against its own steps."""
    for stage in dict.fromkeys(row["stage"] for row in rows):
        run.define_metric(f"curves/{stage}/step", hidden=True)
        run.define_metric(f"curves/{stage}/*", step_metric=f"curves/{stage}/step")
    for row in rows:
        run.log({f"curves/{row['stage']}/{key}": value for key, value in row.items() if key != "stage"})


def _define(run: Any, better: dict[str, str]) -> None:
    """Directions in W&B's words: the best of a metric is its min or its max."""
    for hidden in (*ERRORS, *REFERENCES):
        run.define_metric(f"{hidden}/*", hidden=True)
    for name, direction in better.items():
        run.define_metric(name, summary="min" if direction == "lower" else "max", hidden=of_reference(name))
