"""The pages on plugins, followed to the letter by a stranger: written, pip-installed, tested, and used in runs."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genbench.commands.new_plugin import new_plugin, rendered
from genbench.discovery.replaced import REPLACED
from genbench.registry.kinds import KINDS

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^\*\*`([^`]+)`\*\*[^\n]*\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
FIRST = dict(BLOCK.findall((DOCS / "plugins.md").read_text()))
"""The files of docs/plugins.md, a model."""
PAGES = {kind: dict(BLOCK.findall((DOCS / "plugins" / f"{kind}.md").read_text())) for kind in KINDS if kind != "model"}
"""The files of the page of each other kind."""
NAMES = {kind: next(iter(files)).partition("/")[0].removeprefix("genbench_") for kind, files in PAGES.items()}
"""What these pages call their plugins."""

NOTHING_TO_LEARN = """
from dataclasses import dataclass
from genbench import hookimpl

@dataclass
class Options: ...

@hookimpl
def genbench_register(registry):
    uses = ("schedule", "grid", "guidance")
    registry.model("squash", "squash.model:Squash", Options, summary="no training", sampler="euler", uses=uses)
"""
SQUASH = """
import torch
from torch import nn
from genbench import Generator, Runner
from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.predictions import Prediction
from genbench.diffusion.tables import table_of

class Bounded(nn.Module):
    def forward(self, inputs, labels, **conditions):
        return torch.tanh(inputs)

class Squash(Generator):
    def __init__(self, config, data, schedule):
        self.data, self.schedule = data, schedule
    @classmethod
    def fingerprint(cls, options):
        return "1"
    def prepare(self, draw):
        return SquashRunner(self, draw)

class SquashRunner(Runner):
    def __init__(self, model, draw):
        network = Bounded()
        self.networks = {"bounded": network}
        predictions = {"conditional": network, "unconditional": lambda inputs, labels, **_: network(inputs / 2, labels)}
        self.trajectory = Trajectory(
            table_of(draw, model.schedule),
            {name: Denoiser(prediction, Prediction.x0) for name, prediction in predictions.items()},
            shape=model.data.shape,
            batch_size=draw.batch_size,
            device=draw.device,
            dtype=draw.dtype,
            guidance=draw.guidance,
        )
    def run(self, request):
        return self.trajectory.run(request.keys).clamp(-1, 1)
"""
"""A diffusion model that has nothing to learn and takes no time: what the pages' plugins are used with."""

COMMANDS = """
import contextlib, io, json, sys
from genbench.cli import main
answers = []
for words in json.loads(sys.argv[1]):
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(words)
        except SystemExit as end:
            code = end.code
    answers.append([code, output.getvalue(), errors.getvalue()])
print(json.dumps(answers))
"""
"""Does one command after another, with the imports of one."""
QUICK = ("debug=quick", "timing.seconds=0.05")
SWEEP = ["run", "-m", "model=gan,mine", "results=swept", *QUICK]
ALL_IN_ONE = [
    *("run", "model=squash", "results=used", *QUICK),
    *(f"{kind}={NAMES[kind]}" for kind in ("dataset", "task", "schedule", "grid")),
    *(f"{kind}=[{NAMES[kind]}]" for kind in ("features", "metrics")),
    *(f"sampler={NAMES['sampler']}_few", f"guidance={NAMES['guidance']}_strong"),
    *(f"tracking={NAMES['tracking']}", "tracking.folder=shown"),
]
REPORT = ["report", "--results", "used", "--format", NAMES["report"]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a distribution of each kind: that of docs/plugins.md, and those of `genbench new-plugin`."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, content in FIRST.items():
        (folder / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mine" / name).write_text(content)
    for kind, name in {**NAMES, "model": "my_model"}.items():
        assert new_plugin(argparse.Namespace(kind=kind, name=name, output=folder)) == 0
    return folder


@pytest.fixture(scope="module")
def environment_of_plugins(written: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All of them pip-installed where only the commands of this file see them: the environment to give these."""
    site, loose = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("loose")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    folders = [str(path) for path in written.iterdir()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(site), *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (loose / "squash").mkdir()
    (loose / "squash" / "__init__.py").write_text(NOTHING_TO_LEARN)
    (loose / "squash" / "model.py").write_text(SQUASH)
    path = os.pathsep.join([str(site), *(name for name in sys.path if name)])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "GENBENCH_PLUGINS": str(loose)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are given."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def answer(folder: Path, environment_of_plugins: dict[str, str]) -> Callable[[list[str]], str]:
    """answer(command): what it printed, after it ended well."""
    commands = [["plugins"], SWEEP, ALL_IN_ONE, REPORT]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=folder,
        env={**environment_of_plugins, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)

    def answer(command: list[str]) -> str:
        code, output, errors = answers[commands.index(command)]
        assert code == 0, errors
        return str(output)

    return answer


def records(results: Path) -> dict[str, Any]:
    """The records in a results folder by the model's name."""
    contents = [json.loads(path.read_text()) for path in results.glob("*/result.json")]
    return {content["model"]["name"]: content for content in contents}


# ----------------------------------------------------------------------------------------------------------- the pages


def test_a_model_takes_four_files_and_under_100_lines() -> None:
    assert list(FIRST) == [
        "pyproject.toml",
        "genbench_mine/__init__.py",
        "genbench_mine/model.py",
        "tests/test_mine.py",
    ]
    assert sum(content.count("\n") for content in FIRST.values()) < 100


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_shows_what_the_command_writes(kind: str) -> None:
    files = rendered(kind, NAMES[kind])
    assert len(PAGES[kind]) >= 3
    for path, content in PAGES[kind].items():
        assert content == files[path], f"docs/plugins/{kind}.md, {path}"


def test_the_box_of_changes_says_what_discovery_says() -> None:
    box = (DOCS / "plugins.md").read_text().partition("## API changes")[2]
    assert re.findall(r"^\| `(.+?)` \| (.+) \|$", box, re.MULTILINE) == list(REPLACED.items())


# --------------------------------------------------------------------------------------------------------- the plugins


def test_each_passes_its_own_suite(written: Path, environment_of_plugins: dict[str, str]) -> None:
    tests = [str(path / "tests") for path in sorted(written.iterdir())]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(written), *tests]
    done = subprocess.run(command, cwd=written, env=environment_of_plugins, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100


def test_each_is_listed(answer: Callable[[list[str]], str]) -> None:
    listing = answer(["plugins"])
    assert re.search(r"mine +genbench-mine 0\.1\.0 +loaded\s+model=mine\n", listing), listing
    for kind, name in NAMES.items():
        assert f"{kind}={name}" in listing, listing
    assert "broken" not in listing


def test_the_model_is_swept_beside_the_gan(answer: Callable[[list[str]], str], folder: Path) -> None:
    assert "mine" in answer(SWEEP)
    both = records(folder / "swept")
    assert {name: record["status"] for name, record in both.items()} == {"gan": "done", "mine": "done"}
    assert (both["mine"]["model"]["plugin"], both["mine"]["model"]["plugin_version"]) == ("mine", "0.1.0")


def test_the_others_are_used_in_a_run(answer: Callable[[list[str]], str], folder: Path) -> None:
    answer(ALL_IN_ONE)
    (record,) = records(folder / "used").values()
    assert record["status"] == "done", record["reason"]
    used = {kind: record["values"][kind]["name"] for kind in ("schedule", "grid", "guidance")}
    used |= {kind: record[kind]["name"] for kind in ("dataset", "task", "sampler")}
    assert used == {kind: NAMES[kind] for kind in used}
    assert record["sampler"]["options"]["steps"] == 4
    assert record["costs"]["nfe"]["value"] == 8, "both predictions, at each of four steps"
    assert set(record["rows"]) >= {"generated", "all classes"}
    brightness = record["rows"]["generated"][NAMES["metrics"]]
    assert brightness["value"] > 0
    assert brightness["standard_error"] > 0
    assert list(record["features"]) == [NAMES["features"]]
    shown = json.loads((folder / "shown" / f"{record['run_id']}.json").read_text())
    assert shown["numbers"][f"generated/{NAMES['metrics']}"] == brightness["value"]


def test_the_report_is_printed(answer: Callable[[list[str]], str]) -> None:
    assert re.search(rf"^squash: .*{NAMES['metrics']} [\d.]+ ± ", answer(REPORT), re.MULTILINE)


def test_a_plugin_runs_loose_as_well(written: Path, genbench: Any, tmp_path: Path) -> None:
    shutil.copytree(written / "mine" / "genbench_mine", tmp_path / "loose" / "genbench_mine")
    done = genbench(tmp_path, "run", "--plugins-dir", "loose", "model=mine", *QUICK)
    assert done.code == 0, done.errors
    assert records(tmp_path / "results")["mine"]["model"]["plugin"] == "genbench_mine"
