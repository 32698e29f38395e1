"""--plugins-dir names a folder of loose plugins to every command, and to the jobs of other processes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from genbench.cli import main
from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import load_plugins

SOURCE = """
from genbench import NoOptions, hookimpl

@hookimpl
def genbench_register(registry):
    registry.model("fine", "mine:Model", NoOptions, summary="a model", sampler="one_shot")
"""


@pytest.mark.parametrize("place", ["before", "after"])
def test_it_is_an_option_of_every_command(
    site: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    site.put("mine.py", SOURCE)
    monkeypatch.setenv(FOLDERS, "")
    load_plugins.cache_clear()
    option = ["--plugins-dir", str(site.loose)]
    with pytest.raises(SystemExit) as done:
        main([*option, "list", "model"] if place == "before" else ["list", "model", *option])
    assert done.value.code == 0
    assert "[mine]" in capsys.readouterr().out
    assert os.environ[FOLDERS] == str(site.loose.resolve()), "jobs in other processes would not find it"


def test_a_folder_that_does_not_exist_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["run", "--plugins-dir=nowhere", "model=gan"])
    assert done.value.code == 2
    assert "there is no folder nowhere" in capsys.readouterr().err
