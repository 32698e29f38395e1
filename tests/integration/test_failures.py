"""A sweep in which models diverge, break, cannot work, and a plugin is broken: the others go on, and all is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = '''
"""A model that goes wrong as it is told to."""
from dataclasses import dataclass
from enum import Enum

from genbench import hookimpl


class Wrong(Enum):
    nothing = "nothing"
    loss = "loss"
    images = "images"
    error = "error"
    memory = "memory"
    exit = "exit"
    killed = "killed"


@dataclass
class FragileOptions:
    wrong: Wrong = Wrong.nothing


@hookimpl
def genbench_register(registry):
    registry.model("fragile", "_fragile_model:Fragile", FragileOptions, summary="goes wrong", sampler="one_shot")
'''

MODEL = """
import os
import signal

import torch
from torch import nn

from genbench import Generator, Runner, Stage, StageSpec


class FragileStage(Stage):
    def __init__(self, model):
        self.model, self.spec = model, StageSpec("fragile", 5, 8)

    def modules(self):
        return {"network": self.model.network}

    def optimizers(self):
        return {"network": torch.optim.SGD(self.model.network.parameters(), 0.01)}

    def step(self, batch, update):
        wrong = self.model.config.wrong.value
        if wrong == "error":
            raise RuntimeError("the model broke on purpose")
        if wrong == "memory":
            torch.empty(1 << 50)
        if wrong == "exit":
            raise SystemExit(3)
        if wrong == "killed":  # as the kernel does when memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        loss = self.model.network(batch.images.flatten(1)).square().mean()
        update(loss, "network")
        return {"loss": loss.detach() * (float("nan") if wrong == "loss" else 1)}


class FragileRunner(Runner):
    def __init__(self, model):
        self.model, self.networks = model, {"network": model.network}

    def run(self, request):
        size = len(request.keys)
        images = self.model.network(torch.zeros(size, 64)).reshape(size, 1, 8, 8).tanh()
        return images * float("nan") if self.model.config.wrong.value == "images" else images


class Fragile(Generator):
    def __init__(self, config, data, schedule):
        self.config, self.network = config, nn.Linear(64, 64)

    @classmethod
    def unsupported(cls, config, data, sampler, guidance):
        return None if sampler.family == "one_shot" else "fragile draws with sampler=one_shot only"

    def stages(self, train):
        yield FragileStage(self)

    def state(self):
        return dict(self.network.state_dict())

    def load_state(self, state):
        self.network.load_state_dict(state)

    def prepare(self, draw):
        return FragileRunner(self)
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "fragile.py").write_text(PLUGIN)
    (folder / "_fragile_model.py").write_text(MODEL)
    (folder / "rotten.py").write_text("import a_module_that_nobody_has\n")
    return folder


def genbench(plugins: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GENBENCH_PLUGINS": str(plugins)}
    command = [sys.executable, "-m", "genbench", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240)


def test_a_sweep_with_every_kind_of_failure(plugins: Path, tmp_path: Path) -> None:
    quick = ("debug=quick", "features=pixels", "metrics=[frechet_distance]")
    done = genbench(
        plugins, tmp_path, "run", "-m", "model=fragile", "model.wrong=loss,error,memory,images,exit,nothing", *quick
    )
    assert done.returncode == 1, done.stderr
    records = {
        record["config"]["model"]["wrong"]: record
        for record in (json.loads(path.read_text()) for path in (tmp_path / "results").glob("*/result.json"))
    }
    statuses = {wrong: record["status"] for wrong, record in records.items()}
    assert statuses == {
        "loss": "diverged",
        "error": "failed",
        "memory": "failed",
        "images": "diverged",
        "exit": "failed",
        "nothing": "done",
    }
    assert "the model broke on purpose" in records["error"]["reason"]
    assert "NaN" in records["images"]["reason"]
    for wrong in ("loss", "error", "memory", "images", "exit"):
        log = (tmp_path / "results" / records[wrong]["run_id"] / "run.log").read_text()
        assert "Traceback" in log
        assert records[wrong]["reason"].split(": ", 1)[1].splitlines()[0][:40] in done.stdout
    again = genbench(plugins, tmp_path, "run", "-m", "model=fragile", "model.wrong=error,nothing", *quick)
    assert again.returncode == 1
    assert again.stderr.count("answered from the store") == 1


def test_a_killed_worker_does_not_take_the_sweep_with_it(plugins: Path, tmp_path: Path) -> None:
    quick = ("debug=quick", "features=pixels", "metrics=[frechet_distance]")
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = genbench(plugins, tmp_path, "run", "-m", "model=fragile", "model.wrong=nothing,killed", *quick, *joblib)
    assert done.returncode == 1, done.stderr
    assert "the same command goes on from here" in done.stderr
    assert "Traceback" not in done.stderr.split("the launcher lost a job")[-1]


def test_an_impossible_run_inside_a_sweep_is_no_failure(plugins: Path, tmp_path: Path) -> None:
    quick = ("debug=quick", "features=pixels", "metrics=[frechet_distance]")
    done = genbench(plugins, tmp_path, "run", "-m", "model=fragile", "sampler=one_shot,raster", *quick)
    assert done.returncode == 0, done.stderr
    assert "fragile draws with sampler=one_shot only" in done.stdout
    assert len(list((tmp_path / "results/artifacts/models").glob("*"))) == 1


def test_a_broken_plugin_is_listed_and_named_when_its_model_is_missed(plugins: Path, tmp_path: Path) -> None:
    listed = genbench(plugins, tmp_path, "plugins")
    assert "rotten" in listed.stdout
    assert "a_module_that_nobody_has" in listed.stdout
    missed = genbench(plugins, tmp_path, "run", "model=rotten", "debug=quick")
    assert missed.returncode == 2
    assert "unknown model 'rotten'" in missed.stderr
    assert "`genbench plugins`" in missed.stderr


def test_a_results_folder_that_cannot_be_written_is_said_in_a_line(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = genbench(plugins, tmp_path, "run", "model=fragile", "debug=quick", "results=file")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "file" in done.stderr
