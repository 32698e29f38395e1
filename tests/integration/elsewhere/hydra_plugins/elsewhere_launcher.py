"""A launcher for tests: a process for each job, in another folder, with another TMPDIR and none of our variables."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cloudpickle
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.plugins.launcher import Launcher
from omegaconf import ListConfig

JOB = "import pickle, sys; job, *arguments = pickle.load(sys.stdin.buffer); job(*arguments)"


@dataclass
class ElsewhereConf:
    """`folder` is where the jobs work; those in `loses` are never started."""

    _target_: str = "hydra_plugins.elsewhere_launcher.ElsewhereLauncher"
    folder: str = ""
    loses: list[int] = field(default_factory=list)


ConfigStore.instance().store(group="hydra/launcher", name="elsewhere", node=ElsewhereConf, provider="elsewhere")


class ElsewhereLauncher(Launcher):
    """Starts all jobs at once and waits for them; they are sent as Hydra's own launchers send them."""

    def __init__(self, folder: str, loses: ListConfig) -> None:
        self.folder, self.loses = folder, list(loses)

    def setup(self, **about: Any) -> None:
        self.about = about

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GENBENCH_")}
        environment["TMPDIR"] = self.folder
        jobs = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            if number not in self.loses:
                job = subprocess.Popen(
                    [sys.executable, "-c", JOB], stdin=subprocess.PIPE, cwd=self.folder, env=environment
                )
                jobs.append(job)
                content = (execute, self.about, list(overrides), number, Singleton.get_state())
                job.stdin.write(cloudpickle.dumps(content))
                job.stdin.close()
        for job in jobs:
            job.wait()
        return []


def execute(about: dict[str, Any], overrides: list[str], number: int, state: Any) -> None:
    """The job."""
    Singleton.set_state(state)
    setup_globals()
    context = about["hydra_context"]
    config = context.config_loader.load_sweep_config(about["config"], overrides)
    config.hydra.job.num = number
    run_job(
        hydra_context=context,
        task_function=about["task_function"],
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
