"""What Hydra shows instead of running: --cfg, --info, --hydra-help, shell completion."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from genbench.config.mirror import CONFIGS, VERSION_BASE, mirror
from genbench.config.mistakes import MistakeError, explain
from genbench.discovery.plugins import load_plugins


def show(arguments: Sequence[str]) -> int:
    """Hand the arguments to Hydra's own main function, which reads them from the command line. Raises MistakeError."""
    registry = load_plugins().registry
    mirror(registry)
    before = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    try:
        sys.argv = ["genbench run", *arguments]
        os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions then come to us instead of to Hydra's own printer
        hydra.main(config_path=f"pkg://{CONFIGS}", config_name="config", **VERSION_BASE)(_nothing)()
    except (HydraException, OmegaConfBaseException) as error:
        raise MistakeError(explain(error, registry)) from None
    finally:
        sys.argv = before[0]
        os.environ.pop("HYDRA_FULL_ERROR")
        if before[1] is not None:
            os.environ["HYDRA_FULL_ERROR"] = before[1]
    return 0


def _nothing(config: DictConfig) -> None:
    """Never called: something is shown instead."""
