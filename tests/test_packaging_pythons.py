"""Other Pythons that we declare, where this machine has them: all of it compiles, and what needs no torch runs.

The suite runs under one Python, for which alone torch and numpy are there. Commands that read results compute with
neither: they run on this Python's copies of the packages that are written in Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from genbench.testing.records import results_folder

ROOT = Path(__file__).parents[1]
OTHERS = [version for version in ("3.11", "3.12", "3.13", "3.14") if version != f"3.{sys.version_info.minor}"]
PURE = ("antlr4", "filelock", "markdown_it", "mdurl", "omegaconf", "pluggy", "pygments", "rich", "yaml")
"""What --help, list, report and runs import besides the standard library."""

COMPILE = """
import pathlib, sys
paths = [path for folder in sys.argv[1:] for path in pathlib.Path(folder).rglob("*.py")]
for path in paths:
    compile(path.read_bytes(), path, "exec", dont_inherit=True)
print(len(paths))
"""


def interpreter(version: str) -> str:
    """A Python of this version on PATH or among pyenv's; skips where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for place in map(str, filter(None, places)):
        if subprocess.run([place, "-c", ""], capture_output=True).returncode == 0:
            return place
    pytest.skip(f"this machine has no Python {version}")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: genbench as it is installed, and pure packages."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "genbench").mkdir()
    for part in (ROOT / "genbench").iterdir():
        (folder / "genbench" / part.name).symlink_to(part)
    (folder / "genbench" / "conf").symlink_to(ROOT / "conf")
    for name in PURE:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (folder / name).symlink_to(Path(spec.origin).parent)
    return folder


@pytest.mark.parametrize("version", OTHERS)
def test_everything_compiles(version: str) -> None:
    folders = [str(ROOT / name) for name in ("genbench", "plugins", "examples", "tests")]
    done = subprocess.run(
        [interpreter(version), "-W", "error", "-c", COMPILE, *folders], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


@pytest.mark.parametrize("version", OTHERS)
def test_what_reads_results_runs(version: str, packages: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    sweep, _ = results_folder(tmp_path / "results")

    def genbench(*words: str) -> str:
        done = subprocess.run(
            [python, "-I", "-W", "error", "-B", "-c", START, str(packages), *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "train, draw, measure" in genbench("--help")
    assert "frechet_distance" in genbench("list")
    assert sweep.runs[0] in genbench("runs")
    assert "images/s" in genbench("report")


START = """
import sys
from unittest.mock import MagicMock
sys.path.insert(0, sys.argv.pop(1))
sys.modules["numpy"] = sys.modules["numpy.typing"] = MagicMock()  # imported, and not used
from genbench.cli import main
main()
"""
