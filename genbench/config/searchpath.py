"""Plugins' config packages on Hydra's search path."""

from __future__ import annotations

from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class GenbenchSearchPath(SearchPathPlugin):
    """Adds what `Registry.configs` collected as (provider, package)."""

    packages: ClassVar[tuple[tuple[str, str], ...]] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra when it builds its search path."""
        for provider, package in self.packages:
            search_path.append(provider=provider, path=f"pkg://{package}")
