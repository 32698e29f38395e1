"""A sweep in which models diverge, break, cannot work, and a plugin is broken: the others go on, and all is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ABSENT = """
from genbench import NoOptions, hookimpl

@hookimpl
def genbench_register(registry):
    registry.model("absent", "absent:Absent", NoOptions, summary="not there", sampler="one_shot")
    registry.component("metrics", "missing", "nobody_has_this:Metric", NoOptions, summary="not there")
"""


def records(results: Path) -> dict[str, Any]:
    """The records, by what was to go wrong."""
    paths = results.glob("*/result.json")
    return {record["config"]["model"]["wrong"]: record for record in (json.loads(path.read_text()) for path in paths)}


@pytest.fixture(scope="module")
def swept(genbench: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """One sweep with every kind of failure; the folder it ran in, and what came of it."""
    folder = tmp_path_factory.mktemp("failures")
    wrong = "model.wrong=loss,error,memory,images,exit,nothing"
    return folder, genbench(folder, "run", "-m", wrong, *genbench.nocost)


def test_every_kind_of_failure_is_recorded_and_the_sweep_goes_on(swept: tuple[Path, Any]) -> None:
    folder, done = swept
    assert done.code == 1, done.errors
    by_wrong = records(folder / "results")
    assert {wrong: record["status"] for wrong, record in by_wrong.items()} == {
        "loss": "diverged",
        "error": "failed",
        "memory": "failed",
        "images": "diverged",
        "exit": "failed",
        "nothing": "done",
    }
    assert by_wrong["loss"]["reason"] == "DivergedError: stage 'regression', step 3: loss 'loss' is nan"
    assert by_wrong["error"]["reason"] == "RuntimeError: the model broke on purpose"
    assert by_wrong["images"]["reason"].startswith("DivergedError: image 0 (and 99 more of its batch of 100) holds NaN")
    assert by_wrong["exit"]["reason"] == "SystemExit: 3"
    assert by_wrong["nothing"]["reason"] is None


def test_the_reason_stands_in_the_table_and_the_traceback_in_the_log(swept: tuple[Path, Any]) -> None:
    folder, done = swept
    for wrong, record in records(folder / "results").items():
        if wrong != "nothing":
            assert "Traceback" in (folder / "results" / record["run_id"] / "run.log").read_text()
            assert record["reason"].splitlines()[0][:40] in done.output
    assert "Traceback" not in done.output + done.errors


def test_what_failed_is_tried_again_and_what_is_done_is_not(swept: tuple[Path, Any], genbench: Any) -> None:
    folder, _ = swept
    again = genbench(folder, "run", "-m", "model.wrong=error,nothing", *genbench.nocost)
    assert again.code == 1
    assert again.errors.count("failed: RuntimeError: the model broke on purpose") == 1
    assert again.errors.count("answered from the store") == 1


def test_an_impossible_run_inside_a_sweep_is_no_failure(swept: tuple[Path, Any], genbench: Any) -> None:
    folder, _ = swept
    done = genbench(folder, "run", "-m", "sampler=one_shot,raster", *genbench.nocost)
    assert done.code == 0, done.errors
    assert "nocost draws with sampler=one_shot only" in done.output
    alone = genbench(folder, "run", "sampler=raster", *genbench.nocost)
    assert alone.code == 2
    assert "nocost draws with sampler=one_shot only" in alone.output


def test_a_broken_plugin_is_listed_and_named_when_its_model_is_missed(genbench: Any, tmp_path: Path) -> None:
    (tmp_path / "rotten.py").write_text("import a_module_that_nobody_has\n")
    folders = os.pathsep.join([genbench.environment["GENBENCH_PLUGINS"], str(tmp_path)])
    listed = genbench(tmp_path, "plugins", GENBENCH_PLUGINS=folders)
    assert "rotten" in listed.output
    assert "a_module_that_nobody_has" in listed.output
    missed = genbench(tmp_path, "run", "model=rotten", GENBENCH_PLUGINS=folders)
    assert missed.code == 2
    assert "unknown model 'rotten'" in missed.errors
    assert "`genbench plugins`" in missed.errors
    assert genbench(tmp_path, "run", *genbench.nocost, GENBENCH_PLUGINS=folders).code == 0


def test_a_results_folder_that_cannot_be_written_is_said_in_a_line(genbench: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = genbench(tmp_path, "run", "results=file", *genbench.nocost)
    assert done.code == 2
    assert "Traceback" not in done.errors
    assert f"results={tmp_path / 'file'}: Not a directory" in done.errors


def test_a_plugin_that_names_what_it_does_not_have_is_told_before_any_work(genbench: Any, tmp_path: Path) -> None:
    (tmp_path / "absent.py").write_text(ABSENT)
    folders = os.pathsep.join([genbench.environment["GENBENCH_PLUGINS"], str(tmp_path)])
    model = genbench(tmp_path, "run", "-m", "model=nocost,absent", GENBENCH_PLUGINS=folders)
    assert model.code == 2
    assert "model=absent of absent cannot be loaded from 'absent:Absent'" in model.errors
    metric = genbench(tmp_path, "run", "model=nocost", "metrics=missing", GENBENCH_PLUGINS=folders)
    assert metric.code == 2
    assert "metrics=missing of absent cannot be loaded from 'nobody_has_this:Metric'" in metric.errors
    assert "Traceback" not in model.errors + metric.errors
    assert not (tmp_path / "results").exists()
