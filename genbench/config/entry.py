"""`genbench run` in Hydra's terms: the function that is called for every composed job."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import hydra
from omegaconf import DictConfig

from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.mirror import mirror
from genbench.plugins import load_plugins
from genbench.registry import UnknownNameError


class _Names(NamedTuple):
    """Environment variables through which jobs, also in other processes, know the sweep they are part of."""

    id: str = "GENBENCH_SWEEP"
    command: str = "GENBENCH_COMMAND"
    scratch: str = "GENBENCH_SCRATCH"


SWEEP = _Names()


def launch(arguments: Sequence[str]) -> Path | None:
    """Let Hydra compose and run every job; returns the results folder, None if nothing ran (--help, --cfg)."""
    mirror(load_plugins().registry)
    marker = Path(os.environ[SWEEP.scratch]) / "results"
    before = sys.argv
    sys.argv = ["genbench run", *arguments]
    try:
        hydra.main(version_base="1.3", config_path="pkg://genbench.conf", config_name="config")(job)()
    finally:
        sys.argv = before
    return Path(marker.read_text()) if marker.exists() else None


def job(config: DictConfig) -> None:
    """One run of the sweep. What goes wrong in it is in its record; only an impossible config ends the program."""
    from genbench.benchmark import benchmark
    from genbench.narrator import announce
    from genbench.store.sweeps import add_run

    try:
        plan = plan_from_config(config, load_plugins().registry)
        outcome = benchmark(plan, os.environ[SWEEP.command])
    except (ConfigError, UnknownNameError) as error:
        print(f"genbench: {error}", file=sys.stderr)
        sys.exit(2)
    add_run(plan.results, os.environ[SWEEP.id], os.environ[SWEEP.command], outcome.record.run_id)
    (Path(os.environ[SWEEP.scratch]) / "results").write_text(str(plan.results))
    if outcome.reused:
        announce(f"{outcome.record.run_id}: answered from the store")
    plan.tracking.build().mirror(outcome.record, os.environ[SWEEP.id])
