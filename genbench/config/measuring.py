"""The parts of a config that say how images are measured, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genbench.config.compose import catalogue, choice, named
from genbench.config.mirror import composing, mirror, put
from genbench.config.mistakes import MistakeError, explain
from genbench.config.schema import ExtractionConfig
from genbench.discovery.plugins import load_plugins
from genbench.drawing.devices import resolve_device
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry
from genbench.running.plan import ExtractionPlan

ROOT = "only_measuring"


@dataclass
class MeasuringConfig:
    """What there is to choose where images are given. By default what suits images of any kind."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            {"features": ["pixels"]},
            {"metrics": ["frechet_distance", "kid", "prdc"]},
            {"tracking": "none"},
            "_self_",
        ]
    )
    features: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    tracking: Any = MISSING
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)


@dataclass(frozen=True)
class Measuring:
    """How images are measured, and the config that says so."""

    features: Mapping[str, Choice]
    metrics: Mapping[str, Choice]
    tracking: Choice
    extraction: ExtractionPlan
    catalogue: Mapping[str, Mapping[str, Entry]]
    config: Mapping[str, Any]


def compose_measuring(overrides: Sequence[str]) -> Measuring:
    """What overrides like "features=inception" ask for. Raises MistakeError for what cannot be meant."""
    registry = load_plugins().registry
    mirror(registry)
    put(ROOT, MeasuringConfig)
    try:
        with composing():
            config = compose(ROOT, list(overrides))
        root: MeasuringConfig = OmegaConf.to_object(config)  # type: ignore[assignment]
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True, enum_to_str=True)  # type: ignore[assignment]
        return Measuring(
            features={name: named(registry, "features", name, node) for name, node in root.features.items()},
            metrics={name: named(registry, "metrics", name, node) for name, node in root.metrics.items()},
            tracking=choice(registry, "tracking", root.tracking),
            extraction=ExtractionPlan(resolve_device(root.extraction.device), root.extraction.batch_size),
            catalogue=catalogue(registry),
            config=plain,
        )
    except (HydraException, OmegaConfBaseException) as error:
        raise MistakeError(explain(error, registry)) from None
    except ValueError as error:  # a ConfigError, or a device that cannot be used
        raise MistakeError(str(error)) from None
