"""Offline W&B runs, read back from disk: what they hold, and that a cached run holds what a fresh one does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genbench.running.benchmark import benchmark
from genbench.running.plan import Plan
from genbench.tracking import TrackerUnavailableError
from genbench.tracking.options import Mode, WandbOptions
from genbench.tracking.wandb import WandbTracker, wandb_id

pytest.importorskip("wandb")

GOOD, BAD, WORSE, SWEEP = (
    f"{name}-20260102-030405-abcd"
    for name in ("good-digits-s0-1a2b3c4d", "bad-digits-s1-1a2b3c4d", "worse-digits-s2-1a2b3c4d", "sweep")
)


@pytest.fixture(scope="module")
def runs(kept: Any, offline_runs: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The made-up sweep mirrored twice: the second time replaces the first."""
    tracker = WandbTracker(WandbOptions(project="trial", tags=["mine", "good"]))
    for _ in range(2):
        tracker.mirror(kept.records[0], kept.results, kept.sweep.sweep_id)
    for record in kept.records[1:]:
        tracker.mirror(record, kept.results, kept.sweep.sweep_id)
    tracker.finish_sweep(kept.sweep, kept.records, kept.results)
    return offline_runs(kept.results)


def test_a_run_of_the_sweep_is_a_run_of_the_group(runs: dict[str, Any]) -> None:
    assert set(runs) == {GOOD, BAD, WORSE, SWEEP}
    found = runs[GOOD].run
    assert (found.project, found.run_group, found.job_type) == ("trial", "20260102-030405-abcd", "good")
    assert found.display_name == "good-digits-s0-1a2b3c4d"
    assert list(found.tags) == ["good", "digits", "one_shot", "done", "quick", "mine"]


def test_the_config_says_what_was_run_and_not_how_it_was_kept(runs: dict[str, Any]) -> None:
    config = runs[GOOD].config
    assert config["model"] == {"name": "good", "width": 3}
    assert config["seed"] == 0
    assert not {"tracking", "results"} & set(config)
    record = config["record"]
    assert (record["run_id"], record["family"], record["status"]) == (
        "good-digits-s0-1a2b3c4d",
        "family of good",
        "done",
    )
    assert record["provenance"]["git_commit"] == "c0ffee"
    assert record["artifacts"]["model"] == "model-good"


def test_each_stage_has_its_curves_against_its_own_steps(runs: dict[str, Any]) -> None:
    run = runs[GOOD]
    assert run.rows("curves/autoencoder/step") == [
        {"curves/autoencoder/step": 10, "curves/autoencoder/reconstruction": 0.5},
        {"curves/autoencoder/step": 20, "curves/autoencoder/reconstruction": 0.25},
    ]
    assert [row["curves/denoiser/loss"] for row in run.rows("curves/denoiser/step")] == [1.0, 0.75]
    for stage in ("autoencoder", "denoiser"):
        assert run.metrics[f"curves/{stage}/*"].step_metric == f"curves/{stage}/step"


def test_numbers_standard_errors_and_timing_are_logged_and_summarised_plainly(runs: dict[str, Any]) -> None:
    run = runs[GOOD]
    expected = {
        "metrics/pixels/kid": 0.25,
        "standard_errors/metrics/pixels/kid": 0.125,
        "metrics/pixels/recall": 0.5,
        "metrics_at_floor/pixels/recall": 1.0,
        "references/held_out/pixels/kid": 1.25,
        "sampling/images_per_second": 1000,
        "standard_errors/sampling/images_per_second": 8,
        "sampling/latency_ms_p50": 2,
        "sampling/nfe": 4,
        "training/seconds": 40,
        "model/parameters": 99,
    }
    (row,) = run.rows("metrics/pixels/kid")
    assert {key: row[key] for key in expected} == expected
    assert {key: run.summary[key] for key in expected} == expected
    assert "standard_errors/metrics/pixels/recall" not in row
    assert run.summary["status"] == "done"


def test_directions_are_defined(runs: dict[str, Any]) -> None:
    metrics = runs[GOOD].metrics
    for name in ("metrics/pixels/kid", "metrics_at_floor/pixels/kid", "sampling/latency_ms_p90"):
        assert metrics[name].summary.min, name
        assert not metrics[name].summary.max, name
    for name in ("metrics/pixels/recall", "sampling/images_per_second"):
        assert metrics[name].summary.max, name
        assert not metrics[name].summary.min, name
    assert "metrics/pixels/vendi_score" not in metrics, "more variety alone is not better"
    assert metrics["standard_errors/*"].options.hidden


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
    assert {key: run.summary[key] for key in ("runs", "done", "failed", "diverged")} == {
        "runs": 3,
        "done": 1,
        "failed": 1,
        "diverged": 1,
    }
    (logged,) = run.rows("sweep/path")
    content = json.loads((run.folder / "files" / logged["sweep/path"]).read_text())
    rows = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
    assert [row["status"] for row in rows] == ["done", "failed", "diverged"]
    assert [row["metrics/pixels/kid"] for row in rows] == [0.25, None, None]
    assert [row["standard_errors/metrics/pixels/kid"] for row in rows] == [0.125, None, None]
    assert rows[1]["reason"] == "RuntimeError: the bad broke"


def test_the_official_reader_agrees(runs: dict[str, Any]) -> None:
    command = ["wandb", "leet", "inspect", "--summary", "--json", str(runs[BAD].folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip("this wandb has no `wandb leet inspect`")
    seen = json.loads(done.stdout)
    assert (seen["run_id"], seen["state"], seen["summary"]["status"]) == (BAD, "failed", "failed")


def test_a_cached_run_appears_like_a_fresh_one(
    toy_plan: Plan, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]]
) -> None:
    tracker = WandbTracker(WandbOptions(directory=str(tmp_path / "board")))
    for sweep_id in ("first", "second"):
        outcome = benchmark(toy_plan, "")
        tracker.mirror(outcome.record, toy_plan.results, sweep_id)
    assert outcome.reused
    first, second = offline_runs(tmp_path / "board").values()
    assert {first.run.run_id, second.run.run_id} == {
        f"{outcome.record.run_id}-first",
        f"{outcome.record.run_id}-second",
    }
    assert (first.run.run_group, second.run.run_group) == ("first", "second")

    def content(run: Any) -> Any:
        run.config["record"].pop("sweep_id")
        history = [{k: v for k, v in row.items() if k[0] != "_"} for row in run.history]
        summary = {k: v for k, v in run.summary.items() if k[0] != "_"}
        return run.run.job_type, list(run.run.tags), run.config["record"], history, summary, sorted(run.metrics)

    assert content(first) == content(second)
    assert len(first.rows("curves/toy/step")) == 12
    assert not (toy_plan.results / "wandb").exists()


def test_it_is_silent(kept: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    WandbTracker(WandbOptions(directory=str(tmp_path))).finish_sweep(kept.sweep, kept.records, kept.results)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_run_of_the_users_own_goes_on(kept: Any, tmp_path: Path) -> None:
    import wandb

    with wandb.init(mode="disabled", project="own") as own:
        WandbTracker(WandbOptions(directory=str(tmp_path))).mirror(kept.records[1], kept.results, "some-sweep")
        own.log({"x": 1})
    assert own.summary["x"] == 1
    assert own.project != "genbench"


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
