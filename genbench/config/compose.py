"""A composed config as a Plan: names looked up in the registry, options made into their immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from genbench.config.schema import RootConfig
from genbench.registry.entries import Entry, Registry
from genbench.running.plan import Choice, Plan, SamplingPlan, TimingPlan, TrainingPlan


class ConfigError(ValueError):
    """A config that composes but cannot be meant; the message says which value and what would do."""


def plan_from_config(config: DictConfig, registry: Registry) -> Plan:
    """Raises ConfigError for values out of range, UnknownNameError for names that are not registered."""
    root: RootConfig = OmegaConf.to_object(config)  # type: ignore[assignment]
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True, enum_to_str=True)  # type: ignore[assignment]
    model = choice(registry, "model", root.model)
    used = {
        group: _value(registry, group, getattr(root, group)) if group in model.entry.uses else None
        for group in ("schedule", "grid", "guidance")
    }
    _check(root)
    return Plan(
        model=model,
        dataset=choice(registry, "dataset", root.dataset),
        task=_value(registry, "task", root.task),
        sampler=_value(registry, "sampler", root.sampler),
        schedule=used["schedule"],
        grid=used["grid"],
        guidance=used["guidance"],
        features={name: _named(registry, "features", name, node) for name, node in root.features.items()},
        metrics={name: _named(registry, "metrics", name, node) for name, node in root.metrics.items()},
        tracking=choice(registry, "tracking", root.tracking),
        training=TrainingPlan(
            root.training.seed,
            root.training.steps,
            root.training.images,
            root.training.precision.value,
            root.training.checkpoint_seconds,
        ),
        sampling=SamplingPlan(
            root.sampling.seed, root.sampling.num_samples, root.sampling.batch_size, root.sampling.dtype.value
        ),
        timing=TimingPlan(root.timing.repetitions, root.timing.seconds),
        seed=root.seed,
        device=root.device,
        threads=root.threads,
        results=Path(root.results),
        quick=root.quick,
        config=plain,
    )


def _check(root: RootConfig) -> None:
    positive = {
        "steps": root.steps,
        "threads": root.threads,
        "sampling.num_samples": root.sampling.num_samples,
        "sampling.batch_size": root.sampling.batch_size,
        "training.steps": root.training.steps,
        "training.images": root.training.images,
        "training.checkpoint_seconds": root.training.checkpoint_seconds,
        "timing.repetitions": root.timing.repetitions,
        "timing.seconds": root.timing.seconds,
    }
    for name, value in positive.items():
        if value is not None and value <= 0:
            raise ConfigError(f"{name}={value}: expected a number above 0")
    if root.training.steps is not None and root.training.images is not None:
        raise ConfigError("training.steps and training.images are both given: a budget is one or the other")
    if root.sampling.num_samples < 2:
        raise ConfigError(f"sampling.num_samples={root.sampling.num_samples}: statistics need at least 2 images")
    for group in ("features", "metrics"):
        if not getattr(root, group):
            raise ConfigError(f"{group} is empty: choose at least one (`genbench list {group}`)")


def choice(registry: Registry, kind: str, node: Any) -> Choice:
    """The entry that a composed group names, with its options."""
    return _named(registry, kind, node.name, node)


def _named(registry: Registry, kind: str, name: str, node: Any) -> Choice:
    entry = registry.get(kind, name)
    return Choice(entry, _options(entry, node))


def _value(registry: Registry, kind: str, node: Any) -> Any:
    """The immutable value behind a group whose class is its own options."""
    return _options(registry.get(kind, node.name), node)


def _options(entry: Entry, node: Any) -> Any:
    values = node if isinstance(node, Mapping) else vars(node)
    chosen = {option.name: values[option.name] for option in fields(entry.options)}
    try:
        return entry.options(**chosen)
    except ValueError as error:
        raise ConfigError(f"{entry.kind}={entry.name}: {error}") from None
