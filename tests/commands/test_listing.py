"""Lists of entries and plugins: names, options with defaults, who brought them, and what to do about broken ones."""

import argparse
import io
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum

import pytest
from rich.console import Console

from genbench.commands.errors import UserError
from genbench.commands.listing import entries, list_names, presets, settings
from genbench.commands.listing import statuses as listed
from genbench.discovery.plugins import Plugins, PluginStatus
from genbench.registry.registrar import Registry


class Norm(Enum):
    SPECTRAL = "spectral"


@dataclass
class Inner:
    depth: int = 2


@dataclass
class Options:
    width: int = 5
    norm: Norm = Norm.SPECTRAL
    augment: bool = False
    limit: float | None = None
    path: str = ""
    widths: list[int] = field(default_factory=lambda: [8, 16])
    inner: Inner = field(default_factory=lambda: Inner(depth=3))


@pytest.fixture
def registry():
    registry = Registry()
    toy = registry.registrar("toy")
    toy.model("toy_gan", "nowhere:Toy", Options, summary="a toy", sampler="one_shot")
    registry.add(toy)
    registry.component("metrics", "kid", "nowhere:kid", summary="squared [mmd]")
    return registry


def printed(renderable):
    file = io.StringIO()
    Console(file=file, width=140).print(renderable)
    return " ".join(file.getvalue().split())


def test_entries_with_provider_options_and_defaults(registry):
    text = printed(entries(registry, "model"))
    assert "model= toy_gan a toy [toy] comes with sampler=one_shot" in text
    assert "width=5 norm=SPECTRAL augment=false limit=null path='' widths=[8,16] inner.depth=3" in text
    assert "kid squared [mmd] [genbench]" in printed(entries(registry, "metrics"))
    assert "dataset= nothing is installed" in printed(entries(registry, "dataset"))


def test_unknown_kind_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'metrics'"):
        list_names(argparse.Namespace(kind="metric"))


def test_presets_have_a_line_and_a_provider(registry):
    text = printed(presets(registry))
    assert "debug=quick Everything in seconds" in text
    assert "experiment=replicates Three seeds" in text


def test_settings_have_default_type_and_line():
    text = printed(settings())
    assert "sampling.num_samples how many images are drawn and scored sampling.num_samples=1500 (int)" in text
    assert "training.budget" in text
    assert "place" not in text


def test_plugins_and_what_to_do(registry):
    statuses = (
        PluginStatus("toy", "toy.plugin", "genbench-toy", "1.2", "loaded"),
        PluginStatus("lame", "lame.plugin", "genbench-lame", "0.3", "broken", "ImportError: no [module]"),
        PluginStatus("shut", "shut.plugin", "genbench-shut", "0.4", "blocked", "named in GENBENCH_DISABLE"),
    )
    text = printed(listed(Plugins(registry, statuses)))
    assert "toy genbench-toy 1.2 loaded model=toy_gan" in text
    assert "lame genbench-lame 0.3 broken ImportError: no [module]" in text
    assert "GENBENCH_DISABLE=lame" in text
    assert "shut genbench-shut 0.4 blocked named in GENBENCH_DISABLE" in text


def test_no_plugins(registry):
    assert "no plugins are installed" in printed(listed(Plugins(registry, ())))


def test_reports_need_no_torch():
    code = "import sys, genbench.reports.table, genbench.commands.listing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
