"""`genbench run` in Hydra's terms: the function that is called for every composed job."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.mirror import mirror
from genbench.config.mistakes import check_roots, explain
from genbench.discovery.plugins import load_plugins
from genbench.registry.entries import KINDS, UnknownNameError
from genbench.tracking import TrackerUnavailableError, safely

CONFIGS = "genbench.conf"


class _Names(NamedTuple):
    """Environment variables through which jobs, also in other processes, know the sweep they are part of."""

    id: str = "GENBENCH_SWEEP"
    command: str = "GENBENCH_COMMAND"
    scratch: str = "GENBENCH_SCRATCH"
    jobs: str = "GENBENCH_JOBS"


SWEEP = _Names()


class MistakeError(Exception):
    """Something in the command cannot be meant; the message is for the person who typed it."""


@dataclass(frozen=True)
class JobReport:
    """What one job left behind: the id of its run, why it could not become one, or how it was lost."""

    results: str
    run_id: str = ""
    refused: str = ""
    lost: str = ""
    tracking: dict[str, Any] = field(default_factory=dict)


def launch(arguments: Sequence[str]) -> list[JobReport]:
    """Check all that was asked for, then let Hydra run every job. Nothing is reported for --help, --cfg and the like.

    Raises MistakeError before any work.
    """
    registry = load_plugins().registry
    mirror(registry)
    options, unknown = get_args_parser().parse_known_args(list(arguments))
    overrides = [*options.overrides, *unknown]
    shown = options.cfg or options.info or options.help or options.hydra_help or options.shell_completion
    if shown and options.multirun:
        raise MistakeError("-m runs a sweep, and --cfg, --info and the like show one job: leave out -m")
    if mistake := check_roots(overrides):
        raise MistakeError(mistake)
    # Exceptions then come to us instead of to Hydra's own printer, which would end the program.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    before = sys.argv
    try:
        if options.multirun:
            swept = _defer(overrides)
            arguments = [swept.get(argument, argument) for argument in arguments]
            overrides = [swept.get(override, override) for override in overrides]
        sys.argv = ["genbench run", *arguments]
        elsewhere = options.config_dir or options.config_path or options.config_name
        if not (shown or elsewhere or any(override.startswith("hydra/sweeper=") for override in overrides)):
            os.environ[SWEEP.jobs] = str(_check_jobs(overrides, options.multirun))
        return _run_jobs()
    except (HydraException, OmegaConfBaseException) as error:
        raise MistakeError(explain(error, registry)) from None
    except (ConfigError, TrackerUnavailableError) as error:
        raise MistakeError(str(error)) from None
    finally:
        sys.argv = before


def _run_jobs() -> list[JobReport]:
    """Hand over to Hydra. `job` reports its own errors, so what still gets here is the launcher's."""
    try:
        hydra.main(version_base="1.3", config_path=f"pkg://{CONFIGS}", config_name="config")(job)()
    except (HydraException, OmegaConfBaseException):
        raise
    except Exception as error:  # a worker was killed, or ran out of memory
        words = f"the launcher lost a job ({type(error).__name__}); the same command goes on from here"
        return [*_reports(), JobReport("", lost=words)]
    return _reports()


def _reports() -> list[JobReport]:
    paths = sorted(Path(os.environ[SWEEP.scratch]).glob("job-*.json"))
    return [JobReport(**json.loads(path.read_text())) for path in paths]


def _defer(overrides: Sequence[str]) -> dict[str, str]:
    """Options of groups as sweeps over one value, by what was typed.

    Hydra applies what is not swept to a config without the swept groups first, where `model.steps=3` beside
    `model=gan,pixelcnn` finds no model; swept values it leaves to the jobs.
    """
    found = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        typed = str(override.input_line)
        key, _, value = typed.partition("=")
        if key.partition(".")[0] in KINDS and "." in key and not override.is_sweep_override():
            found[typed] = f"{key}=choice({value})"
    return found


def _check_jobs(overrides: Sequence[str], multirun: bool) -> int:
    """Compose every job and look at its values: the last one's mistake is found before the first one's work.

    Returns how many there are.
    """
    with initialize_config_module(CONFIGS, version_base="1.3"):
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        parsed = [override for override in parsed if not override.is_hydra_override()]
        jobs = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0] if multirun else [overrides]
        for job_overrides in jobs:
            plan_from_config(compose("config", list(job_overrides)), load_plugins().registry).tracking.build()
        return len(jobs)


def job(config: DictConfig) -> None:
    """One run of the sweep. Whatever goes wrong in it is reported, and the other jobs go on."""
    from genbench.running.progress import announce

    context = HydraConfig.get()
    number = int(context.job.num) if context.mode is RunMode.MULTIRUN else 0
    label, jobs = str(config.model.name), int(os.environ.get(SWEEP.jobs, 0))
    if jobs > 1:
        label = f"{number + 1}/{jobs} {label}"
        announce(f"[{label}] {' '.join(context.overrides.task)}")
    else:
        announce(f"[{label}] preparing")

    from genbench.running.benchmark import RefusedError, benchmark  # seconds to import, so only now
    from genbench.store.sweeps import add_run

    alone = context.runtime.choices.get("hydra/launcher", "basic") == "basic"
    results = Path(str(config.results))
    try:
        plan = plan_from_config(config, load_plugins().registry)
        tracker = plan.tracking.build()
        outcome = benchmark(plan, os.environ[SWEEP.command], label, live=alone)
        add_run(results, os.environ[SWEEP.id], os.environ[SWEEP.command], outcome.record.run_id)
        report = JobReport(str(results), run_id=outcome.record.run_id, tracking=plan.config["tracking"])
        if outcome.reused:
            announce(f"[{label}] {outcome.record.run_id}: answered from the store")
        sweep_id, tracked = os.environ[SWEEP.id], plan.tracking.entry.name
        safely(lambda: tracker.mirror(outcome.record, results, sweep_id), tracked, sweep_id)
    except (ConfigError, UnknownNameError, RefusedError, TrackerUnavailableError, OSError) as error:
        report = JobReport(str(results), refused=str(error))
        announce(f"{label if jobs > 1 else 'genbench'}: {error}")
    except (Exception, SystemExit) as error:  # a defect, of ours or of a plugin: show it all, but go on
        report = JobReport(str(results), lost=f"{type(error).__name__}: {error}")
        announce(f"{label}: {traceback.format_exc()}")
    try:
        (Path(os.environ[SWEEP.scratch]) / f"job-{number:06}.json").write_text(json.dumps(asdict(report)))
    except OSError as error:
        announce(f"{label}: its report cannot be written: {error}")
