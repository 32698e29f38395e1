"""docs/plugins.md, followed to the letter by a stranger: written, pip-installed, tested and swept beside the GAN."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"^\*\*`([^`]+)`\*\*[^\n]*\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` in a folder."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, in a folder of their own."""
    folder = tmp_path_factory.mktemp("mine")
    files = dict(BLOCK.findall(PAGE.read_text()))
    assert list(files) == [
        "pyproject.toml",
        "genbench_mine/__init__.py",
        "genbench_mine/model.py",
        "tests/test_mine.py",
    ]
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture(scope="module")
def installed(written: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The plugin, pip-installed where only the commands of this test see it: the environment to give them."""
    site = tmp_path_factory.mktemp("site")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    done = command("pip", "install", "--quiet", *offline, "--target", str(site), ".", cwd=written)
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}


def test_it_passes_its_own_test(written: Path, installed: dict[str, str]) -> None:
    done = command("pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=written, **installed)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15  # type: ignore[index]


def test_it_is_listed(installed: dict[str, str], tmp_path: Path) -> None:
    done = command("genbench", "plugins", cwd=tmp_path, **installed, COLUMNS="200")
    assert re.search(r"mine +genbench-mine 0\.1\.0 +loaded\s+model=mine", done.stdout), done.stdout


def test_it_is_swept_beside_the_gan(installed: dict[str, str], tmp_path: Path) -> None:
    done = command("genbench", "run", "-m", "model=gan,mine", "debug=quick", cwd=tmp_path, **installed)
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("*/result.json")]
    assert {(record["model"]["name"], record["status"]) for record in records} == {("gan", "done"), ("mine", "done")}
    mine = next(record["model"] for record in records if record["model"]["name"] == "mine")
    assert (mine["plugin"], mine["plugin_version"]) == ("mine", "0.1.0")
    assert "mine" in done.stdout


def test_it_runs_loose_as_well(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written / "genbench_mine", tmp_path / "loose" / "genbench_mine")
    done = command("genbench", "run", "--plugins-dir", "loose", "model=mine", "debug=quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "results").glob("*/result.json")
    assert json.loads(found.read_text())["model"]["plugin"] == "genbench_mine"
