"""Finding plugins: loaded, blocked, broken; and the registry's words for what is not there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from genbench import plugins
from genbench.plugins import load_plugins
from genbench.registry import NoOptions, Registry, UnknownNameError

GOOD = """
from genbench import hookimpl
from genbench.registry import NoOptions

@hookimpl
def genbench_register(registry):
    registry.model("good", "good_plugin:Model", NoOptions, summary="a model", sampler="one_shot")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., plugins.Plugins]]:
    """Pretend that modules with these sources are installed plugins, and load them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(**sources: str) -> plugins.Plugins:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            sys.modules.pop(name, None)
        points = [EntryPoint(name, name, plugins.GROUP) for name in sources]
        monkeypatch.setattr(plugins, "entry_points", lambda group: points)
        load_plugins.cache_clear()
        return load_plugins()

    yield install
    load_plugins.cache_clear()


def test_a_good_plugin_is_loaded_and_its_provider_remembered(install: Callable[..., plugins.Plugins]) -> None:
    found = install(good_plugin=GOOD)
    assert [status.status for status in found.statuses] == ["loaded"]
    assert found.registry.get("model", "good").provider == "good_plugin"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        (GOOD.replace("genbench_register", "genbench_regster"), "genbench_regster"),
        (GOOD.replace("@hookimpl", ""), "implements no genbench_register hook"),
        (GOOD.replace("NoOptions,", "int,"), "options must be a dataclass"),
        (GOOD + "    raise RuntimeError('half way')\n", "RuntimeError: half way"),
        (GOOD + "    registry.value('sampler', 'heun', NoOptions, summary='')\n", "registered by both genbench and"),
    ],
)
def test_a_broken_plugin_is_listed_with_its_error_and_leaves_nothing_behind(
    install: Callable[..., plugins.Plugins], source: str, error: str
) -> None:
    found = install(bad_plugin=source, good_plugin=GOOD)
    bad, good = found.statuses
    assert (bad.status, good.status) == ("broken", "loaded")
    assert error in bad.error
    assert found.registry.names("model") == ["good"]


def test_a_plugin_can_be_blocked(install: Callable[..., plugins.Plugins], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_DISABLE", "other, good_plugin")
    found = install(good_plugin=GOOD)
    assert found.statuses[0].status == "blocked"
    assert found.registry.names("model") == []


def test_unknown_names_are_answered_with_the_nearest() -> None:
    registry = load_plugins().registry
    with pytest.raises(UnknownNameError, match=r"unknown sampler 'hoin'. Did you mean 'heun'\? Valid: ancestral, ddim"):
        registry.get("sampler", "hoin")
    with pytest.raises(UnknownNameError, match=r"unknown kind 'modle'. Did you mean 'model'\?"):
        registry.names("modle")


def test_models_name_only_groups_that_exist() -> None:
    with pytest.raises(ValueError, match="uses names \\['solver'\\]"):
        Registry().model("m", "a:b", NoOptions, summary="", sampler="heun", uses=("solver",))


def test_every_built_in_component_can_be_loaded() -> None:
    for entry in load_plugins().registry:
        if entry.provider == "genbench":
            assert callable(entry.load()), entry
