"""genbench new-plugin: what is written, and what is refused. tests/integration installs what it writes and uses it."""

from __future__ import annotations

import argparse
import ast
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import genbench
from genbench.commands import new_plugin
from genbench.commands.errors import UserError
from genbench.registry.checks import NAME
from genbench.registry.kinds import KINDS
from genbench.registry.names import UnknownNameError

Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """command("my_model", "--kind", "model"): what the command line does, with the output in tmp_path."""

    def command(*arguments: str) -> int:
        parser = argparse.ArgumentParser()
        new_plugin.add(parser.add_subparsers())
        options = parser.parse_args(["new-plugin", "--output", str(tmp_path), *arguments])
        code: int = options.action(options)
        return code

    return command


@pytest.mark.parametrize("kind", KINDS)
def test_a_distribution_is_written(
    kind: str, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("quick_fox", "--kind", kind) == 0
    folder = tmp_path / "genbench-quick-fox"
    said = capsys.readouterr().out
    assert f"{kind}=quick_fox" in said
    assert f"cd {folder}\n    pip install -e .\n    pytest" in said
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= {".gitignore", "README.md", "pyproject.toml", "genbench_quick_fox/__init__.py"}
    assert files >= {"genbench_quick_fox/py.typed", "tests/test_quick_fox.py"}
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "genbench-quick-fox"
    assert project["entry-points"]["genbench"] == {"quick_fox": "genbench_quick_fox"}
    suite = KINDS[kind].suite.partition(":")[2]
    assert f"class TestQuickFox({suite}):" in (folder / "tests" / "test_quick_fox.py").read_text()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_text()
            assert "$" not in content, f"{path} holds what should have been replaced"
            if path.suffix == ".py" and content:
                assert ast.get_docstring(ast.parse(content)), f"{path} does not say what it is"
            if path.suffix == ".yaml":
                assert yaml.safe_load(content)["defaults"] == ["quick_fox", "_self_"]


PUBLIC = (
    "autoencoders",
    "autoregressive",
    "diffusion",
    "drawing.noise",
    "drawing.one_shot",
    "drawing.seeds",
    "images",
    "testing",
)
"""Modules of genbench that a plugin may import, besides genbench itself."""


@pytest.mark.parametrize("kind", KINDS)
def test_only_public_names_are_imported(kind: str) -> None:
    for path, content in new_plugin.rendered(kind, "fox").items():
        for node in ast.walk(ast.parse(content if path.endswith(".py") else "")):
            if isinstance(node, ast.ImportFrom) and node.module == "genbench":
                assert {alias.name for alias in node.names} <= genbench.EXPORTS.keys(), path
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("genbench."):
                assert any(f"{node.module}.".startswith(f"genbench.{public}.") for public in PUBLIC), path


def test_presets_lie_in_a_package_that_is_registered(command: Command, tmp_path: Path) -> None:
    command("fox", "--kind", "model")
    package = tmp_path / "genbench-fox" / "genbench_fox"
    assert (package / "conf" / "__init__.py").is_file()
    assert (package / "conf" / "model" / "fox_tiny.yaml").is_file()
    assert 'registry.configs("genbench_fox.conf")' in (package / "__init__.py").read_text()


def test_an_existing_folder_is_left_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "genbench-fox").mkdir()
    with pytest.raises(UserError, match="genbench-fox exists already: choose another name"):
        command("fox", "--kind", "grid")
    assert not list((tmp_path / "genbench-fox").iterdir())


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("My-Model", "my_model"), ("2nd_try", "nd_try"), ("_fox", "fox"), ("füchse", "fuchse"), ("a b", "a_b")],
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, nearest: str, command: Command, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"'{name}' is no name: .*; did you mean '{nearest}'"):
        command(name, "--kind", "model")
    assert NAME.fullmatch(nearest)
    assert not list(tmp_path.iterdir())


def test_a_name_without_a_letter_is_refused(command: Command) -> None:
    with pytest.raises(UserError, match=r"begins with a letter$"):
        command("123", "--kind", "model")


def test_an_unknown_kind_is_answered_with_the_nearest(command: Command) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown kind 'metric'\. Did you mean 'metrics'"):
        command("fox", "--kind", "metric")


def test_a_name_that_is_taken_is_refused(command: Command, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sampler=heun exists already, of plugin 'genbench': choose another name"):
        command("heun", "--kind", "sampler")
    with pytest.raises(UserError, match="there is a plugin 'gan' already"):
        command("gan", "--kind", "metrics")
    with pytest.raises(UserError, match="there is a plugin 'genbench' already"):
        command("genbench", "--kind", "metrics")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--output .*file: Not a directory"):
        command("fox", "--kind", "grid", "--output", str(tmp_path / "file"))


def test_every_kind_has_templates_and_no_other_folder_is_there() -> None:
    folders = {item.name for item in new_plugin.TEMPLATES.iterdir() if item.is_dir()}
    assert folders == {*KINDS, new_plugin.COMMON}
