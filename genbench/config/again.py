"""A stored run's plan again, from the config in its record: what the same command would make now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genbench.config.compose import ConfigError, plan_from_config
from genbench.config.mirror import composing, mirror
from genbench.config.mistakes import MistakeError, explain
from genbench.discovery.plugins import load_plugins
from genbench.running.plan import Plan

if TYPE_CHECKING:
    from genbench.store.records import RunRecord


def plan_again(record: RunRecord, results: Path) -> Plan:
    """The plan that the run's overrides compose to now. Raises MistakeError if they no longer do."""
    registry = load_plugins().registry
    mirror(registry)
    overrides = [word for word in record.overrides if not word.startswith("results=")]
    try:
        with composing():
            config = compose("config", overrides)
            OmegaConf.update(config, "results", str(results))
            return plan_from_config(config, registry, overrides)
    except (HydraException, OmegaConfBaseException, ConfigError) as error:
        words = str(error) if isinstance(error, ConfigError) else explain(error, registry)
        raise MistakeError(f"{record.run_id} cannot be composed any more: {words}") from None


def identities_of(record: RunRecord, results: Path) -> dict[str, Any]:
    """What each artifact of the run would be now, by "stages/denoiser", "samples", "timings". Raises MistakeError."""
    from genbench.running.lookup import RefusedError
    from genbench.running.now import identities

    try:
        return identities(plan_again(record, results))
    except RefusedError as error:
        raise MistakeError(str(error)) from None
