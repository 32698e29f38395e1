"""The commands of the README, at toy budgets, as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = ("latent_diffusion", "gan", "pixelcnn")


def genbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "genbench", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One sweep over the three models; the folder it ran in, and what it printed."""
    folder = tmp_path_factory.mktemp("road")
    return folder, genbench("run", "-m", f"model={','.join(MODELS)}", "debug=quick", cwd=folder)


def test_one_command_compares_three_models(swept: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = swept
    assert done.returncode == 0, done.stderr
    for word in (*MODELS, "FD(digits)", "FD(pixels)", "uniform noise", "held out", "NFE", "toy budgets"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    results = folder / "results"
    records = [json.loads(path.read_text()) for path in results.glob("*/result.json")]
    assert {record["model"]["name"] for record in records} == set(MODELS)
    assert {record["status"] for record in records} == {"done"}
    assert {path.name for path in folder.iterdir()} == {"results"}, "Hydra left something behind"


def test_the_same_command_is_answered_from_the_store(swept: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, first = swept
    done = genbench("run", "-m", f"model={','.join(MODELS)}", "debug=quick", cwd=folder)
    assert done.stderr.count("answered from the store") == 3
    assert done.stdout.split("\nsweep ")[0] == first.stdout.split("\nsweep ")[0]


def test_the_report_prints_the_table_again(swept: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, first = swept
    done = genbench("report", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\nsweep ")[0] == first.stdout.split("\nsweep ")[0]
    missing = genbench("report", "2001", cwd=folder)
    assert missing.returncode == 2
    assert "no sweep '2001'" in missing.stderr


def test_several_samplers_train_once(swept: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = swept
    done = genbench(
        "run", "-m", "model=latent_diffusion", "sampler=ddim,ancestral", "sampler.steps=2,3", "debug=quick", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("trained in") == done.stderr.count("s (from the store)") == 4
    assert len(list((folder / "results" / "artifacts" / "models").glob("*"))) == 3


def test_one_option_for_several_models(swept: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Hydra alone refuses an option of a group that is swept: it looks for it in a config without the group."""
    folder, _ = swept
    done = genbench("run", "-m", "model=gan_tiny,pixelcnn_tiny", "model.batch_size=24", "debug=quick", cwd=folder)
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in (folder / "results").glob("*/result.json")]
    assert sum(record["config"]["model"].get("batch_size") == 24 for record in records) == 2
    assert "[2/2 pixelcnn] trained in" in done.stderr


def test_an_incompatible_single_run_exits_with_2_and_the_reason(
    swept: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = swept
    done = genbench("run", "model=gan", "sampler=ddim", "debug=quick", cwd=folder)
    assert done.returncode == 2
    assert "one_shot" in done.stdout + done.stderr
