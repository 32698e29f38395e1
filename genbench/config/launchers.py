"""Hydra's launchers (joblib, submitit, Ray, …): each job is composed once more, from its overrides, where it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hydra import compose

# The one private name of Hydra's that is used: a launcher's context needs callbacks, if only none
# (tests/config/test_launchers.py runs a launcher, against each supported Hydra).
from hydra._internal.callbacks import Callbacks
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genbench.config.commandline import quoted
from genbench.config.compose import plan_from_config
from genbench.config.mirror import composing, mirror
from genbench.config.mistakes import MistakeError, explain
from genbench.discovery.plugins import FOLDERS, load_plugins
from genbench.running.jobs import objective_of, run_job
from genbench.running.now import is_answered
from genbench.running.plan import Place, Plan
from genbench.training.signals import terminate_as_interrupt


class HydraLauncher:
    """One of Hydra's launchers, as `genbench.running.jobs.launch` calls it. `overrides` name it and set its options.

    `first` is the plan of a job. Raises MistakeError where there is no such launcher or option.
    """

    def __init__(self, overrides: Sequence[str], first: Plan) -> None:
        folder = first.results / "sweeps" / first.place.sweep
        own = [*overrides, f"hydra.sweep.dir={quoted(str(folder))}"]
        try:
            with composing():
                composed = compose("config", [*first.overrides, *own], return_hydra_config=True)
                self.loader = GlobalHydra.instance().config_loader()
        except (HydraException, OmegaConfBaseException) as error:
            raise MistakeError(explain(error, load_plugins().registry)) from None
        self.config = OmegaConf.masked_copy(composed, "hydra")  # the rest is each job's own

    def __call__(self, plans: Sequence[Plan]) -> None:
        """Launch one job for each plan that the store does not answer, numbered from the first one's number on; a job
        reports into the sweep's folder. Raises whatever the launcher raises.
        """
        waiting = [plan for plan in plans if not is_answered(plan)]
        for plan in plans:
            if plan not in waiting:
                run_job(plan, live=False)
        if waiting:
            self._launch(waiting)

    def _launch(self, plans: Sequence[Plan]) -> None:
        HydraConfig.instance().set_config(self.config)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(config_loader=self.loader, callbacks=Callbacks()),
            task_function=work,
            config=self.config,
        )
        with _mirrored_where_it_arrives():
            launcher.launch([_words(plan) for plan in plans], initial_job_idx=plans[0].place.number)


def _words(plan: Plan) -> list[str]:
    """A job as overrides: what was typed, and its place, so that it needs no environment of ours."""
    place = plan.place
    axes = [quoted(f"{key}={value}") for key, value in place.axes.items()]
    return [
        *plan.overrides,
        f"results={quoted(str(plan.results))}",
        f"place.sweep={quoted(place.sweep)}",
        f"place.command={quoted(place.command)}",
        f"place.number={place.number}",
        f"place.jobs={place.jobs}",
        f"place.of_list={place.of_list}",
        f"place.axes=[{','.join(axes)}]",
        f"place.overrides=[{','.join(map(quoted, plan.overrides))}]",
    ]


def work(config: DictConfig) -> float | None:
    """One job in a launcher's process; the objective that it was asked for."""
    registry = load_plugins().registry
    mirror(registry)
    at = config.place
    axes = dict(axis.split("=", 1) for axis in at.axes)
    place = Place(at.sweep, at.command, at.number, at.jobs, at.of_list, axes)
    plan = plan_from_config(config, registry, tuple(at.overrides), place)
    with terminate_as_interrupt():
        outcome = run_job(plan, live=False)
    return objective_of(outcome.record, plan.objective) if outcome else None


@contextmanager
def _mirrored_where_it_arrives() -> Iterator[None]:
    """Inside, Hydra's store travels to other processes as the folders of plugins that it is to be mirrored from: what
    lies in it are classes of plugins, and a process that was just started would not find those of loose ones.
    """
    store = ConfigStore.instance()
    before = store.repo
    store.repo = _Mirrored(before)
    try:
        yield
    finally:
        store.repo = before


class _Mirrored(dict[str, Any]):
    """The content of Hydra's store, pickled as the way to make it."""

    def __deepcopy__(self, memo: Mapping[int, Any]) -> _Mirrored:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _mirror_again, (os.environ.get(FOLDERS, ""),)


def _mirror_again(folders: str) -> dict[str, Any]:
    if folders:
        os.environ[FOLDERS] = folders
    mirror(load_plugins().registry)
    return ConfigStore.instance().repo
