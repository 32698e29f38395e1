"""A composed config as a Plan: names looked up in the registry, options made into their immutable values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genbench.config.schema import HIDDEN, RootConfig
from genbench.interfaces.budget import Budget
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry
from genbench.registry.kinds import groups, optional, several
from genbench.registry.registrar import Registry
from genbench.running.plan import ExtractionPlan, Place, Plan, SamplingPlan, TimingPlan, TrainingPlan


class ConfigError(ValueError):
    """A config that composes but cannot be meant; the message says which value and what would do."""


def plan_from_config(
    config: DictConfig, registry: Registry, overrides: Sequence[str] = (), place: Place | None = None
) -> Plan:
    """Raises ConfigError for values out of range, UnknownNameError for names that are not registered.

    `place` is where the job stands, for a plan that is to be run.
    """
    root = _objects(config)
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True, enum_to_str=True)  # type: ignore[assignment]
    model = choice(registry, "model", root.model)
    used = {
        group: choice(registry, group, getattr(root, group)) if group in model.entry.uses else None
        for group in optional()
    }
    _check(root)
    return Plan(
        model=model,
        dataset=choice(registry, "dataset", root.dataset),
        task=choice(registry, "task", root.task),
        sampler=choice(registry, "sampler", root.sampler),
        schedule=used["schedule"],
        grid=used["grid"],
        guidance=used["guidance"],
        features={name: named(registry, "features", name, node) for name, node in root.features.items()},
        metrics={name: named(registry, "metrics", name, node) for name, node in root.metrics.items()},
        tracking=choice(registry, "tracking", root.tracking),
        training=TrainingPlan(
            root.training.seed,
            _budget(root.training.budget),
            root.training.precision.value,
            root.training.checkpoint_seconds,
        ),
        sampling=SamplingPlan(
            root.sampling.seed,
            root.sampling.num_samples,
            root.sampling.batch_size,
            root.sampling.dtype.value,
            root.sampling.fast,
        ),
        timing=TimingPlan(root.timing.repetitions, root.timing.seconds),
        extraction=ExtractionPlan(root.extraction.device, root.extraction.batch_size),
        device=root.device,
        threads=root.threads,
        results=Path(root.results).absolute(),
        quick=root.quick,
        objective=root.objective,
        place=place or Place("", ""),
        config={key: value for key, value in plain.items() if key not in HIDDEN},
        overrides=tuple(overrides),
        catalogue=catalogue(registry),
    )


def _objects(config: DictConfig) -> RootConfig:
    """The config as dataclasses. Options that are dataclasses themselves check their values here."""
    try:
        return OmegaConf.to_object(config)  # type: ignore[return-value]
    except OmegaConfBaseException:
        raise
    except ValueError as error:
        raise ConfigError(f"{_culprit(config)}: {error}") from None


def _culprit(config: DictConfig) -> str:
    """The group whose content cannot be made into dataclasses."""
    for group in groups():
        try:
            OmegaConf.to_object(config[group])
        except ValueError:
            return group if group in several() else f"{group}={config[group].name}"
    return "config"


def _budget(text: str | None) -> Budget | None:
    try:
        return Budget.parse(text) if text is not None else None
    except ValueError as error:
        raise ConfigError(f"training.budget={text}: {error}") from None


def _check(root: RootConfig) -> None:
    positive = {
        "threads": root.threads,
        "sampling.num_samples": root.sampling.num_samples,
        "sampling.batch_size": root.sampling.batch_size,
        "sampling.steps": root.sampling.steps,
        "training.checkpoint_seconds": root.training.checkpoint_seconds,
        "timing.repetitions": root.timing.repetitions,
        "timing.seconds": root.timing.seconds,
        "extraction.batch_size": root.extraction.batch_size,
    }
    for name, value in positive.items():
        if value <= 0:
            raise ConfigError(f"{name}={value}: expected a number above 0")
    if root.sampling.num_samples < 2:
        raise ConfigError(f"sampling.num_samples={root.sampling.num_samples}: statistics need at least 2 images")
    for group in several():
        if not getattr(root, group):
            raise ConfigError(f"{group} is empty: choose at least one (`genbench list {group}`)")


def catalogue(registry: Registry) -> dict[str, dict[str, Entry]]:
    """Every extractor and metric, by kind and name."""
    return {kind: {name: registry.get(kind, name) for name in registry.names(kind)} for kind in several()}


def choice(registry: Registry, kind: str, node: Any) -> Choice:
    """The entry that a composed group names, with its options."""
    return named(registry, kind, node.name, node)


def named(registry: Registry, kind: str, name: str, node: Any) -> Choice:
    """The entry of this name, with the options of a composed node."""
    entry = registry.get(kind, name)
    return Choice(entry, _options(entry, node))


def _options(entry: Entry, node: Any) -> Any:
    values = node if isinstance(node, Mapping) else vars(node)
    chosen = {option.name: values[option.name] for option in fields(entry.options)}
    try:
        return entry.options(**chosen)
    except ValueError as error:
        raise ConfigError(f"{entry.kind}={entry.name}: {error}") from None
