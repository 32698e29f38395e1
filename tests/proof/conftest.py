"""Runs in this process with the plugins beside this file, a distribution that pip installed, and commands."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from genbench.cli import main
from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import load_plugins
from genbench.store.maps import RowMap
from genbench.store.records import RunRecord

torch.set_num_threads(1)

HERE = Path(__file__).parent
Images = Callable[[Path, RunRecord], dict[str, np.ndarray]]


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python ARGUMENTS` in a folder, on one thread."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **environment}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python(*arguments, cwd=…, **environment)`."""
    return command


@pytest.fixture(scope="session", autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Device locks that nobody else holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip installed the distribution, for those who are given this path."""
    folder = tmp_path_factory.mktemp("site")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    source = tmp_path_factory.mktemp("source") / "distribution"  # pip builds beside the source
    source.mkdir()
    for file in (path for path in (HERE / "distribution").rglob("*") if path.suffix in (".py", ".toml", ".yaml")):
        target = source / file.relative_to(HERE / "distribution")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    done = command("-m", "pip", "install", "--quiet", *offline, "--target", str(folder), ".", cwd=source)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def with_plugins() -> Iterator[Callable[[Path], None]]:
    """`with_plugins(folder)`: from now on this process has the loose plugins of a folder, as a fresh one would."""
    folders: list[str] = []
    before = list(sys.path)
    with pytest.MonkeyPatch.context() as patch:

        def load(folder: Path) -> None:
            folders.append(str(folder.resolve()))
            patch.setenv(FOLDERS, folders[-1])
            _forget(folders)
            load_plugins.cache_clear()
            broken = [status for status in load_plugins().statuses if status.status == "broken"]
            assert not broken, broken

        yield load
    _forget(folders)
    sys.path[:] = before
    load_plugins.cache_clear()


def _forget(folders: list[str]) -> None:
    importlib.invalidate_caches()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(tuple(folders)):
            del sys.modules[name]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`typed(*words)`: exit code, output and errors of `genbench WORDS`, in this process."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        code = ended.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def drawn() -> Images:
    """`drawn(results, record)`: what the run's sampler drew, by name, uint8 [N, C, H, W], mapped from the store."""

    def read(results: Path, record: RunRecord) -> dict[str, np.ndarray]:
        (artifact,) = [artifact for artifact in record.artifacts if artifact.kind == "samples"]
        rows = RowMap(results / "artifacts" / "samples" / artifact.id)
        return {name: rows[name] for name in rows.formats}

    return read
