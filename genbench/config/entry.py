"""From what was typed (or said in Python) to checked plans and the launcher that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from genbench.config.commandline import CommandLine, parse_overrides
from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.lists import group_of, jobs_of, registered, without_unused
from genbench.config.mirror import composing, mirror
from genbench.config.mistakes import MistakeError, check_roots, explain
from genbench.discovery.plugins import load_plugins
from genbench.registry.kinds import optional
from genbench.registry.registrar import Registry
from genbench.running.plan import Place, Plan
from genbench.tracking.tracker import TrackerUnavailableError

BASIC = "basic"


@dataclass(frozen=True)
class Prepared:
    """The jobs of one command, all checked, before any work. `launcher` are Hydra's overrides where another launcher
    than ours is asked for; `lines` say what was left out.
    """

    plans: tuple[Plan, ...]
    launcher: tuple[str, ...]
    lines: tuple[str, ...]


def prepare(command: CommandLine, sweep: str, text: str) -> Prepared:
    """Compose and check every job: the last one's mistake is found before the first one's work.

    `sweep` is the id that the sweep will have, `text` the command to type again. Raises MistakeError.
    """
    plugins = load_plugins()
    registry = plugins.registry
    mirror(registry)
    check_roots(command.overrides)
    searchpath = [word for word in command.launcher if word.startswith("hydra.searchpath=")]
    jobs, lines = without_unused(jobs_of(command, registry, _folders(searchpath)), registry)
    _check_unused([(registered(job.value("model") or "", registry), job.overrides) for job in jobs], registry)
    plans: list[Plan] = []
    try:
        with composing():
            for number, job in enumerate(jobs):
                place = Place(sweep, text, number, len(jobs), job.of_list, dict(job.axes))
                overrides = [*job.overrides, *searchpath]
                plans.append(plan_from_config(compose("config", overrides), registry, overrides, place))
    except (HydraException, OmegaConfBaseException) as error:
        broken = any(status.status == "broken" for status in plugins.statuses)
        raise MistakeError(explain(error, registry, broken)) from None
    except ConfigError as error:
        raise MistakeError(str(error)) from None
    _check_unused([(plan.model.name, plan.overrides) for plan in plans], registry)
    _check_together(plans)
    return Prepared(tuple(plans), _launcher(command), tuple(lines))


def _folders(searchpath: Sequence[str]) -> list[Path]:
    """The folders of configs that were named."""
    paths = [override.value() for override in parse_overrides(searchpath)]
    places = [str(place) for path in paths if isinstance(path, list) for place in path]
    folders = [Path(place.removeprefix("file://")) for place in places if place.startswith("file://")]
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise MistakeError(f"--config-dir: there is no folder {missing[0]}")
    return folders


def _check_unused(jobs: Sequence[tuple[str, Sequence[str]]], registry: Registry) -> None:
    """Groups that were named and that no model of the sweep uses: `jobs` are models with overrides. Before composing,
    nothing is known of a sweep with a model that no plugin and no preset of one names.
    """
    if not {model for model, _ in jobs} <= set(registry.names("model")):
        return
    used = {group for model, _ in jobs for group in registry.get("model", model).uses}
    for model, overrides in jobs:
        for word in overrides:
            group = group_of(word)
            if group in optional() and group not in used:
                others = [name for name in registry.names("model") if group in registry.get("model", name).uses]
                raise MistakeError(
                    f"{word}: model={model} uses no {group}; leave it out"
                    + (f" (models that do: {', '.join(others)})" if others else "")
                )


def _check_together(plans: Sequence[Plan]) -> None:
    """What one plan alone does not show."""
    from genbench.measuring.scores import check_metrics

    if len(folders := {plan.results for plan in plans}) > 1:
        raise MistakeError(f"results: a sweep has one results folder, not {len(folders)}")
    for choice in {choice.entry.target: choice for plan in plans for choice in plan.choices}.values():
        try:
            choice.entry.load()
        except (ImportError, AttributeError) as error:  # what a plugin names and does not have
            entry = choice.entry
            raise MistakeError(
                f"{entry.kind}={entry.name} of {entry.provider} cannot be loaded from '{entry.target}': {error}"
            ) from None
    for metrics in {tuple(plan.metrics): plan.metrics for plan in plans}.values():
        try:
            check_metrics(metrics)
        except ValueError as error:
            raise MistakeError(str(error)) from None
    trackers = {repr(plan.tracking): plan.tracking for plan in plans}
    for tracking in trackers.values():
        try:
            tracking.build()
        except TrackerUnavailableError as error:
            raise MistakeError(str(error)) from None


def _launcher(command: CommandLine) -> tuple[str, ...]:
    """Hydra's overrides, unless they ask for the launcher that does one job after the other, which is ours."""
    if other := [word for word in command.launcher if word.startswith(("hydra/sweeper", "hydra.sweeper"))]:
        raise MistakeError(f"{other[0]}: genbench multiplies out the axes itself; sweepers of Hydra are not used")
    named = [word.partition("=")[2] for word in command.launcher if word.startswith("hydra/launcher=")]
    if named and named[-1] != BASIC:
        return command.launcher
    others = [word for word in command.launcher if not word.startswith(("hydra/launcher=", "hydra.searchpath="))]
    if others:
        raise MistakeError(f"{others[0]}: it would say how another launcher works; name one: hydra/launcher=joblib")
    return ()
