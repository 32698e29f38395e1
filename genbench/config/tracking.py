"""The tracking group without the rest of a config: for what is mirrored outside a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genbench.config.compose import ConfigError, choice
from genbench.config.mirror import composing, mirror, option_class, put
from genbench.config.mistakes import explain
from genbench.discovery.plugins import load_plugins
from genbench.registry.choice import Choice

ROOT = "only_tracking"


def compose_tracking(overrides: Sequence[str]) -> Choice:
    """The tracker that overrides like "tracking=wandb" ask for; ConfigError for what cannot be meant."""
    registry = load_plugins().registry
    mirror(registry)
    put(ROOT, {"defaults": [{"tracking": "none"}]})
    try:
        with composing():
            return choice(registry, "tracking", OmegaConf.to_object(compose(ROOT, list(overrides)).tracking))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error, registry)) from None


def tracking_again(node: Mapping[str, Any]) -> Choice:
    """The tracker of a plan, from `plan.config["tracking"]`."""
    registry = load_plugins().registry
    options = option_class(registry.get("tracking", node["name"]))
    return choice(registry, "tracking", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(options), node)))
