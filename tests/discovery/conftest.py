"""Plugins made up on disk: installed as pip leaves them, or loose; loaded afresh, and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import Plugins, PluginStatus, load_plugins

SOURCE = """
from genbench import NoOptions, hookimpl

@hookimpl
def genbench_register(registry):
    registry.model("{model}", "{module}:Model", NoOptions, summary="a model", sampler="one_shot")
"""


def source(module: str, model: str) -> str:
    """The source of a plugin that registers one model."""
    return SOURCE.format(module=module, model=model)


class Site:
    """A folder of installed distributions and one of loose files, both seen by this process."""

    def __init__(self, folder: Path) -> None:
        self.installed, self.loose = folder / "site", folder / "loose"

    def install(self, module: str, content: str, name: str = "", distribution: str = "") -> None:
        """A distribution of one module, with an entry point of this name."""
        distribution = distribution or f"dist-{module}"
        (self.installed / f"{module}.py").write_text(content)
        info = self.installed / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[genbench]\n{name or module} = {module}\n")

    def put(self, name: str, content: str) -> None:
        """A loose file."""
        path = self.loose / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def load(self) -> Plugins:
        """Everything, as a fresh process would find it."""
        self.forget()
        importlib.invalidate_caches()
        load_plugins.cache_clear()
        return load_plugins()

    def status(self, name: str) -> PluginStatus:
        """What became of a plugin."""
        (status,) = [status for status in self.load().statuses if status.name == name]
        return status

    def forget(self) -> None:
        """As if nothing of it had been imported."""
        for module in list(sys.modules.values()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.installed.parent)):
                del sys.modules[module.__name__]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(tmp_path)
    site.installed.mkdir()
    site.loose.mkdir()
    monkeypatch.setattr(sys, "path", [str(site.installed), *sys.path])
    monkeypatch.setenv(FOLDERS, str(site.loose))
    yield site
    site.forget()
    load_plugins.cache_clear()
