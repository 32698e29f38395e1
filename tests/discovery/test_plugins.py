"""Finding plugins: loaded, blocked, broken; and the registry's words for what is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from genbench.cli import main
from genbench.discovery.plugins import load_plugins
from genbench.registry.entries import NoOptions, Registry, UnknownNameError
from genbench.running import identity, plugins

GOOD = """
from genbench import hookimpl
from genbench.registry.entries import NoOptions

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


# ---------------------------------------------------------------------------------------------------- loose plugins


def loose_source(name: str) -> str:
    return GOOD.replace('"good", "good_plugin:Model"', f'"{name}", "loose_{name}:Model"')


@pytest.fixture
def loose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., plugins.Plugins]]:
    """Write these files into a folder of loose plugins, and load them beside an installed one called "gan"."""
    folder = tmp_path / "loose"
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(plugins.FOLDERS, str(folder))
    (tmp_path / "installed_gan.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint("gan", "installed_gan", plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)

    def loose(**sources: str) -> plugins.Plugins:
        for name, source in sources.items():
            path = folder / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        load_plugins.cache_clear()
        return load_plugins()

    yield loose
    load_plugins.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith(("loose_", "installed_gan")):
            del sys.modules[name]


def test_loose_files_and_packages_are_plugins(loose: Callable[..., plugins.Plugins]) -> None:
    found = loose(loose_file=loose_source("file"), loose_package__in____init__=loose_source("package"), _part="1 / 0")
    assert [(status.name, status.status) for status in found.statuses] == [
        ("gan", "loaded"),
        ("loose_file", "loaded"),
        ("loose_package", "loaded"),
    ]
    assert found.registry.get("model", "package").provider == "loose_package"
    assert found.version("loose_file") == "loose"


@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("loose_a", "import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("loose_a", "x = 1", "implements no genbench_register hook"),
        ("loose_a", "raise SystemExit('a script')", "SystemExit: a script"),
        ("loose_a", GOOD, "model 'good' is registered by both gan and loose_a"),
        ("gan", loose_source("other"), "another plugin is called 'gan'; rename gan.py"),
        ("random", loose_source("other"), "Python already has a module 'random'"),
    ],
)
def test_a_broken_loose_plugin_is_listed_and_the_others_are_loaded(
    loose: Callable[..., plugins.Plugins], name: str, source: str, error: str
) -> None:
    found = loose(**{name: source, "loose_good": loose_source("fine")})
    bad = next(status for status in found.statuses if status.status == "broken")
    assert bad.name == name
    assert error in bad.error
    assert found.registry.names("model") == ["fine", "good"]


def test_a_loose_plugin_can_be_blocked(loose: Callable[..., plugins.Plugins], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBENCH_DISABLE", "loose_bad")
    found = loose(loose_bad="raise KeyboardInterrupt('imported although blocked')")
    assert [status.status for status in found.statuses] == ["loaded", "blocked"]


def test_a_missing_folder_is_listed(monkeypatch: pytest.MonkeyPatch, loose: Callable[..., plugins.Plugins]) -> None:
    monkeypatch.setenv(plugins.FOLDERS, os.pathsep.join([os.environ[plugins.FOLDERS], "nowhere"]))
    assert "no such folder" in loose(loose_good=loose_source("fine")).statuses[-1].error


@pytest.mark.parametrize("place", ["before", "after"])
def test_plugins_dir_is_an_option_of_every_command(
    loose: Callable[..., plugins.Plugins],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    loose(loose_good=loose_source("fine"))
    folder = os.environ[plugins.FOLDERS]
    monkeypatch.setenv(plugins.FOLDERS, "")
    load_plugins.cache_clear()
    option = ["--plugins-dir", folder]
    with pytest.raises(SystemExit) as done:
        main([*option, "list", "model"] if place == "before" else ["list", "model", *option])
    assert done.value.code == 0
    assert "[loose_good]" in capsys.readouterr().out
    assert os.environ[plugins.FOLDERS] == str(Path(folder).resolve()), "jobs in other processes would not find it"


def test_plugins_dir_that_does_not_exist_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["run", "--plugins-dir=nowhere", "model=gan"])
    assert done.value.code == 2
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_an_edited_loose_plugin_is_another_model(loose: Callable[..., plugins.Plugins]) -> None:
    def source_of(source: str) -> str:
        entry = loose(loose_edited=source).registry.get("model", "edited")
        identity.source_digest.cache_clear()
        return identity.source_digest(entry.module)

    first = source_of(loose_source("edited"))
    assert first == source_of(loose_source("edited") + "\n# a comment\n")
    assert first != source_of(loose_source("edited") + "\nWIDTH = 3\n")


def test_other_processes_inherit_loose_plugins(loose: Callable[..., plugins.Plugins]) -> None:
    loose(loose_good=loose_source("fine"))
    code = "from genbench.discovery.plugins import load_plugins; print(load_plugins().registry.get('model', 'fine').provider)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "loose_good", done.stderr
