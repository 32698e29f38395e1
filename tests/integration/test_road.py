"""The commands of the README, at toy budgets, as a person types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from genbench.store.records import RunRecord, Status, read_record

MODELS = ("latent_diffusion", "gan", "pixelcnn")
SWEEP = ("run", "-m", f"model={','.join(MODELS)}")


def records(folder: Path) -> list[RunRecord]:
    return [read_record(path) for path in (folder / "results").glob("*/result.json")]


def table(done: Any) -> str:
    """What was printed, but for the sweep's id."""
    return str(done.output).split("\nsweep ")[0]


@pytest.fixture(scope="module")
def swept(genbench: Any, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """One sweep over the three models, in a process that was really started; its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("road")
    command = [sys.executable, "-m", "genbench", *SWEEP, *genbench.cheap]
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_one_command_compares_three_models(swept: tuple[Path, Any]) -> None:
    folder, done = swept
    for word in (*MODELS, "FD(digits)", "FD(pixels)", "uniform noise", "held out", "NFE", "toy budgets"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert Counter(record.name for record in records(folder)) == Counter(MODELS)
    assert all(record.status == Status.DONE for record in records(folder))
    assert {path.name for path in folder.iterdir()} == {"results"}, "Hydra left something behind"


def test_the_same_command_is_answered_from_the_store(swept: tuple[Path, Any], genbench: Any) -> None:
    """The second one prints what the first one would, now that all of it is there."""
    folder, _ = swept
    again = [genbench(folder, *SWEEP, *genbench.cheap) for _ in range(2)]
    assert [done.errors.count("answered from the store") for done in again] == [3, 3]
    assert table(again[0]) == table(again[1])
    report = genbench(folder, "report")
    assert report.code == 0, report.errors
    assert table(report) == table(again[1])


def test_a_sweep_that_is_not_there_is_said(swept: tuple[Path, Any], genbench: Any) -> None:
    folder, _ = swept
    missing = genbench(folder, "report", "2001")
    assert missing.code == 2
    assert "no sweep '2001'" in missing.errors


def test_several_samplers_train_once(swept: tuple[Path, Any], genbench: Any) -> None:
    folder, _ = swept
    words = ("model=latent_diffusion", "sampler=ddim,ancestral", "sampler.steps=2,3", *genbench.cheap)
    done = genbench(folder, "run", "-m", *words)
    assert done.code == 0, done.errors
    assert done.errors.count("trained in") == done.errors.count("s (from the store)") == 4
    assert len(list((folder / "results/artifacts/stages").glob("*"))) == 4, "two of latent_diffusion, one of the others"


def test_one_option_for_several_models(swept: tuple[Path, Any], genbench: Any) -> None:
    """Hydra alone refuses an option of a group that is swept: it looks for it in a config without the group."""
    folder, _ = swept
    words = ("model=gan_tiny,pixelcnn_tiny", "model.batch_size=24", "features=pixels", *genbench.cheap)
    done = genbench(folder, "run", "-m", *words)
    assert done.code == 0, done.errors
    assert sum(record.config["model"].get("batch_size") == 24 for record in records(folder)) == 2
    assert "[2/2 pixelcnn] trained in" in done.errors


def test_an_incompatible_single_run_exits_with_2_and_the_reason(swept: tuple[Path, Any], genbench: Any) -> None:
    folder, _ = swept
    done = genbench(folder, "run", "model=gan", "sampler=ddim", *genbench.cheap)
    assert done.code == 2
    assert "one_shot" in done.output
