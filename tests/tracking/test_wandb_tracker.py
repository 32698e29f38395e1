"""Offline W&B runs, read back from disk: what they hold, and that a cached run holds what a fresh one does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genbench.store.records import Made
from genbench.tracking.options import Mode, WandbOptions
from genbench.tracking.tracker import TrackerUnavailableError
from genbench.tracking.wandb import WandbTracker, wandb_id

pytest.importorskip("wandb")

NAMES = "good-digits-s0-1a2b3c4d", "bad-digits-s1-1a2b3c4d", "worse-digits-s2-1a2b3c4d", "a-folder-1a2b3c4d", "sweep"
GOOD, BAD, WORSE, FOLDER, SWEEP = (f"{name}-20260102-030405-abcd" for name in NAMES)


@pytest.fixture(scope="module")
def runs(kept: Any, offline_runs: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The made-up sweep mirrored twice: the second time replaces the first."""
    tracker = WandbTracker(WandbOptions(project="trial", tags=["mine", "good"]))
    for _ in range(2):
        tracker.mirror(kept.records[0], kept.results, kept.sweep.sweep_id, {"model": "good"})
    for record in kept.records[1:]:
        tracker.mirror(record, kept.results, kept.sweep.sweep_id)
    tracker.finish_sweep(kept.sweep, kept.records, kept.results)
    return offline_runs(kept.results)


def test_a_run_of_the_sweep_is_a_run_of_the_group(runs: dict[str, Any]) -> None:
    assert set(runs) == {GOOD, BAD, WORSE, FOLDER, SWEEP}
    found = runs[GOOD].run
    assert (found.project, found.run_group, found.job_type) == ("trial", "20260102-030405-abcd", "good")
    assert found.display_name == "good-digits-s0-1a2b3c4d"
    assert list(found.tags) == ["good", "digits", "one_shot", "unconditional", "done", "quick", "mine"]


def test_the_config_says_what_was_run_and_not_how_it_was_kept(runs: dict[str, Any]) -> None:
    config = runs[GOOD].config
    assert config["model"] == {"name": "good", "width": 3}
    assert config["seed"] == 0
    assert config["axes"] == {"model": "good"}
    assert not {"tracking", "results", "place"} & set(config)
    record = config["record"]
    assert (record["run_id"], record["family"], record["status"]) == (
        "good-digits-s0-1a2b3c4d",
        "family of good",
        "done",
    )
    assert record["provenance"]["git_commit"] == "c0ffee"
    assert record["artifacts"] == {
        "stages/autoencoder": "autoencoder-good",
        "stages/denoiser": "denoiser-good",
        "samples": "s",
    }
    assert record["timing"]["family"] == "f"
    assert "sittings" not in record["timing"]


def test_images_that_were_given_are_a_run_too(runs: dict[str, Any]) -> None:
    run = runs[FOLDER]
    assert (run.run.job_type, list(run.run.tags), run.exit_code) == (
        "a folder",
        ["a folder", "done", "mine", "good"],
        0,
    )
    assert run.config["record"]["model"] is None
    assert run.summary["rows/generated/pixels/kid"] == 3.25
    assert not [name for name in run.summary if name.startswith(("costs/", "curves/"))]


def test_each_stage_has_its_curves_against_its_own_steps(runs: dict[str, Any]) -> None:
    run = runs[GOOD]
    assert run.rows("curves/autoencoder/step") == [
        {"curves/autoencoder/step": 10, "curves/autoencoder/reconstruction": 0.5},
        {"curves/autoencoder/step": 20, "curves/autoencoder/reconstruction": 0.25},
    ]
    assert [row["curves/denoiser/loss"] for row in run.rows("curves/denoiser/step")] == [1.0, 0.75]
    for stage in ("autoencoder", "denoiser"):
        assert run.metrics[f"curves/{stage}/*"].step_metric == f"curves/{stage}/step"


def test_numbers_errors_and_costs_are_logged_and_summarised_plainly(runs: dict[str, Any]) -> None:
    run = runs[GOOD]
    expected = {
        "rows/generated/pixels/kid": 0.25,
        "standard_errors/rows/generated/pixels/kid": 0.125,
        "standard_errors_given_reference/rows/generated/pixels/kid": 0.0625,
        "rows/generated/pixels/recall": 0.5,
        "intervals/rows/generated/pixels/recall/low": 0.25,
        "intervals/rows/generated/pixels/recall/high": 0.75,
        "intervals/rows/generated/pixels/recall/level": 0.95,
        "rows/generated_at_held_out/pixels/recall": 1.0,
        "rows/held_out/pixels/kid": 1.25,
        "rows/before_pasting/pixels/kid": 2.25,
        "costs/images_per_second": 1000,
        "standard_errors/costs/images_per_second": 8,
        "costs/latency_ms_p90": 3,
        "costs/nfe": 4,
        "costs/training_seconds": 40,
    }
    (row,) = run.rows("rows/generated/pixels/kid")
    assert {key: row[key] for key in expected} == expected
    assert {key: run.summary[key] for key in expected} == expected
    assert "standard_errors/rows/generated/pixels/recall" not in row
    assert "rows/generated/pixels/coverage" not in row, "what could not be measured is no number"
    assert run.summary["status"] == "done"


def test_marks_stand_in_the_summary(runs: dict[str, Any]) -> None:
    marks = {name: value for name, value in runs[GOOD].summary.items() if name.startswith("marks/")}
    assert marks == {"marks/costs/images_per_second": "contended"}


def test_directions_are_defined(runs: dict[str, Any]) -> None:
    metrics = runs[GOOD].metrics
    for name in ("rows/generated/pixels/kid", "rows/generated_at_held_out/pixels/kid", "costs/latency_ms_p90"):
        assert metrics[name].summary.min, name
        assert not metrics[name].summary.max, name
    for name in ("rows/generated/pixels/recall", "costs/images_per_second"):
        assert metrics[name].summary.max, name
        assert not metrics[name].summary.min, name
    assert "rows/generated/pixels/vendi_score" not in metrics, "more variety alone is not better"
    assert metrics["standard_errors/*"].options.hidden
    assert metrics["rows/held_out/*"].options.hidden
    assert metrics["rows/held_out/pixels/kid"].options.hidden
    assert not metrics["rows/generated/pixels/kid"].options.hidden


def test_the_sample_grid_is_an_image(runs: dict[str, Any]) -> None:
    run = runs[GOOD]
    (row,) = run.rows("samples/path")
    assert [row[f"samples/{key}"] for key in ("_type", "width", "height")] == ["image-file", 24, 16]
    with Image.open(run.folder / "files" / row["samples/path"]) as kept:
        assert kept.getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize(("run_id", "status"), [(BAD, "failed"), (WORSE, "diverged")])
def test_what_went_wrong_is_visible(runs: dict[str, Any], run_id: str, status: str) -> None:
    run = runs[run_id]
    assert run.exit_code == 1
    assert status in run.run.tags
    assert run.summary["status"] == status
    assert "broke" in run.summary["reason"]
    assert run.rows("samples/path") == []
    assert runs[GOOD].exit_code == 0


def test_the_sweep_is_one_table(runs: dict[str, Any]) -> None:
    run = runs[SWEEP]
    assert (run.run.job_type, run.run.run_group) == ("sweep", "20260102-030405-abcd")
    assert run.config["command"] == "genbench run -m model=good,bad,worse"
    assert run.config["axes"] == [{"model": ["good", "bad", "worse"]}]
    assert {key: run.summary[key] for key in ("runs", "done", "failed", "diverged")} == {
        "runs": 4,
        "done": 2,
        "failed": 1,
        "diverged": 1,
    }
    (logged,) = run.rows("sweep/path")
    content = json.loads((run.folder / "files" / logged["sweep/path"]).read_text())
    rows = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
    assert [row["status"] for row in rows] == ["done", "failed", "diverged", "done"]
    assert [row["model"] for row in rows] == ["good", "bad", "worse", "a folder"]
    assert [row["axes/model"] for row in rows] == ["good", "bad", "worse", None]
    assert [row["rows/generated/pixels/kid"] for row in rows] == [0.25, None, None, 3.25]
    assert [row["standard_errors/rows/generated/pixels/kid"] for row in rows] == [0.125, None, None, 0.125]
    assert rows[1]["reason"] == "RuntimeError: the bad broke"
    assert not any("held_out/" in column and "generated" not in column for column in content["columns"])


def test_the_official_reader_agrees(runs: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(runs[BAD].folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip("this wandb has no `wandb leet inspect`")
    seen = json.loads(done.stdout)
    assert (seen["run_id"], seen["state"], seen["summary"]["status"]) == (BAD, "failed", "failed")


def test_a_cached_run_appears_like_a_fresh_one(
    kept: Any, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]]
) -> None:
    record = kept.records[0]
    made = Made(parts={}, versions={}, hardware={}, threads=1, processes=1, utc="", command="", seconds=1.0)
    cached = replace(record, artifacts=tuple(replace(each, reused=True, made=made) for each in record.artifacts))
    tracker = WandbTracker(WandbOptions(directory=str(tmp_path / "board")))
    tracker.mirror(record, kept.results, "first")
    tracker.mirror(cached, kept.results, "second")
    first, second = offline_runs(tmp_path / "board").values()
    assert {first.run.run_id, second.run.run_id} == {f"{record.run_id}-first", f"{record.run_id}-second"}
    assert (first.run.run_group, second.run.run_group) == ("first", "second")

    def content(run: Any) -> Any:
        run.config["record"].pop("sweep_id")
        history = [{k: v for k, v in row.items() if k[0] != "_"} for row in run.history]
        summary = {k: v for k, v in run.summary.items() if k[0] != "_"}
        return run.run.job_type, list(run.run.tags), run.config["record"], history, summary, sorted(run.metrics)

    assert content(first) == content(second)
    assert len(first.rows("curves/denoiser/step")) == 2


def test_it_is_silent(kept: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    WandbTracker(WandbOptions(directory=str(tmp_path))).finish_sweep(kept.sweep, kept.records, kept.results)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_run_of_the_users_own_goes_on(
    kept: Any, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]]
) -> None:
    import wandb

    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    with wandb.init(mode="offline", project="own", dir=str(tmp_path), settings=settings) as own:
        WandbTracker(WandbOptions(directory=str(tmp_path / "ours"))).mirror(kept.records[1], kept.results, "a-sweep")
        own.log({"x": 1})
    wandb.teardown()  # what is written beside another run is whole once W&B's process ends
    (theirs,), (ours,) = offline_runs(tmp_path).values(), offline_runs(tmp_path / "ours").values()
    assert (theirs.run.project, [row["x"] for row in theirs.rows("x")]) == ("own", [1])
    assert (ours.run.project, ours.summary["status"]) == ("genbench", "failed")


def test_a_disabled_run_of_the_users_own_keeps_no_mirror_from_the_disk(
    kept: Any, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]]
) -> None:
    import wandb

    with wandb.init(mode="disabled", project="own") as own:
        WandbTracker(WandbOptions(directory=str(tmp_path))).mirror(kept.records[1], kept.results, "a-sweep")
        own.log({"x": 1})
        (ours,) = offline_runs(tmp_path).values()
    assert ours.summary["status"] == "failed"
    assert own.summary["x"] == 1


def test_the_same_run_at_once_leaves_one_whole_mirror(
    kept: Any, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]]
) -> None:
    tracker = WandbTracker(WandbOptions(directory=str(tmp_path)))
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(tracker.mirror, kept.records[0], kept.results, "both") for _ in range(2)]:
            done.result(timeout=60)
    (found,) = offline_runs(tmp_path).values()
    assert found.summary["status"] == "done"
    assert found.exit_code == 0


def test_ids_are_what_wandb_accepts_and_keep_the_sweep() -> None:
    found = wandb_id("a model/with:odd#signs-" + "x" * 60 + "-s0-1a2b3c4d", "20260102-030405-abcd")
    assert len(found) <= 64
    assert not set(found) & set("/\\#?%: ")
    assert found.endswith("-s0-1a2b3c4d-20260102-030405-abcd")


def test_a_missing_package_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrackerUnavailableError, match="pip install wandb"):
        WandbTracker(WandbOptions())


def test_online_without_an_account_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setattr(wandb, "login", lambda: False)
    with pytest.raises(TrackerUnavailableError, match="wandb login"):
        WandbTracker(WandbOptions(mode=Mode.online))
