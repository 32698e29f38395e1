"""What every suite says of plugins that register badly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genbench.discovery.plugins import FOLDERS, load_plugins
from genbench.testing import GeneratorConformance, MetricConformance
from genbench.testing.processes import presets

HEAVY = """
import torch
from dataclasses import dataclass
from genbench import hookimpl

@dataclass
class Options:
    width: int = 8

@hookimpl
def genbench_register(registry):
    registry.model("heavy", "heavy_plugin:Model", Options, summary="heavy", sampler="one_shot")
    registry.configs("heavy_configs")
"""


class Heavy(GeneratorConformance):
    name = "heavy"


@pytest.fixture
def loose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """loose(name, content): a file in a folder of loose plugins."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    before = {*sys.modules}

    def write(name: str, content: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        for module in {*sys.modules} - before:
            if module.startswith("heavy_"):
                del sys.modules[module]
        sys.path_importer_cache.clear()
        load_plugins.cache_clear()

    load_plugins.cache_clear()
    yield write
    load_plugins.cache_clear()
    for module in {*sys.modules} - before:
        if module.startswith("heavy_"):
            del sys.modules[module]


def test_importing_torch_is_found(loose: Callable[[str, str], None]) -> None:
    loose("heavy_plugin.py", HEAVY)
    with pytest.raises(AssertionError, match="top module imports torch"):
        Heavy().test_the_plugin_registers_without_importing_torch()


def test_config_packages_that_hydra_cannot_see_are_found(loose: Callable[[str, str], None]) -> None:
    loose("heavy_plugin.py", HEAVY)
    with pytest.raises(AssertionError, match="no such package"):
        Heavy().test_it_and_its_presets_compose()
    loose("heavy_configs/model/tiny.yaml", "defaults: [heavy, _self_]\nwitdh: 4\n")
    with pytest.raises(AssertionError, match=r"has no __init__\.py"):
        Heavy().test_it_and_its_presets_compose()
    loose("heavy_configs/__init__.py", "")
    assert presets("heavy_configs") == [("model", "tiny")]
    with pytest.raises(AssertionError, match=r"--cfg=job model=tiny`: .*witdh"):
        Heavy().test_it_and_its_presets_compose()


def test_code_without_source_is_found(loose: Callable[[str, str], None]) -> None:
    loose("heavy_plugin.py", HEAVY)
    with pytest.raises(pytest.fail.Exception, match="that of 'heavy' has no source"):
        Heavy().test_its_code_can_be_followed()


def test_a_plugin_that_is_broken_is_said_to_be_so(loose: Callable[[str, str], None]) -> None:
    loose("heavy_plugin.py", HEAVY.replace("width: int = 8", "width: int"))
    with pytest.raises(pytest.fail.Exception, match="option 'width' has no default"):
        Heavy.entry()


def test_what_is_not_installed_is_said_to_be_so() -> None:
    class Missing(MetricConformance):
        name = "nothing_of_this_name"

    with pytest.raises(pytest.fail.Exception, match="no plugin registers metrics=nothing_of_this_name: is yours"):
        Missing.entry()
