"""What the suite says of plugins that register badly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genbench.discovery.plugins import FOLDERS, load_plugins
from genbench.testing import GeneratorConformance

HEAVY = """
import torch
from dataclasses import dataclass
from genbench import hookimpl

@dataclass
class Options:
    width: int

@hookimpl
def genbench_register(registry):
    registry.model("heavy", "heavy_plugin:Model", Options, summary="", sampler="one_shot")
    registry.configs("heavy_configs")
"""


class Heavy(GeneratorConformance):
    name = "heavy"


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A loose plugin that does all of it wrongly; writes files of its config package."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    (tmp_path / "heavy_plugin.py").write_text(HEAVY)
    load_plugins.cache_clear()

    def write(name: str) -> None:
        (tmp_path / "heavy_configs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "heavy_configs" / name).write_text("")
        sys.modules.pop("heavy_configs", None)
        sys.path_importer_cache.clear()

    yield write
    load_plugins.cache_clear()
    sys.modules.pop("heavy_plugin", None)


def test_importing_torch_is_found(heavy: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match="top module imports torch"):
        Heavy().test_the_plugin_registers_without_importing_torch()


def test_options_without_defaults_are_found(heavy: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match=r"Options\.width has no default"):
        Heavy().test_every_option_has_a_default()


def test_config_packages_that_hydra_cannot_see_are_found(heavy: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match="no such package"):
        Heavy().test_the_model_and_its_presets_compose()
    heavy("model/tiny.yaml")
    with pytest.raises(AssertionError, match=r"has no __init__\.py"):
        Heavy().test_the_model_and_its_presets_compose()
    heavy("__init__.py")
    with pytest.raises(AssertionError, match="option 'width' has no default"):
        Heavy().test_the_model_and_its_presets_compose()
