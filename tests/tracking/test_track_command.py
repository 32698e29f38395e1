"""genbench track, the trackers' failures, and the tracker that is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genbench.cli import main
from genbench.config.tracking import compose_tracking, tracking_again
from genbench.store.records import Status, read_record
from genbench.tracking.none import NoTracker
from genbench.tracking.options import Mode, WandbOptions
from genbench.tracking.tracker import safely


def track(*words: str) -> Any:
    with pytest.raises(SystemExit) as done:
        main(["track", *words])
    return done.value.code


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_finished_sweep_is_mirrored_afterwards(
    kept: Any, tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb")
    before = files(kept.results)
    options = ("tracking=wandb", "tracking.project=later", f"tracking.directory={tmp_path}")
    assert track("20260102", *options, "--results", str(kept.results)) == 0
    assert "4 runs mirrored" in capsys.readouterr().out
    runs = offline_runs(tmp_path)
    assert {run.run.job_type for run in runs.values()} == {"good", "bad", "worse", "a folder", "sweep"}
    assert {run.config["axes"].get("model") for run in runs.values() if run.run.job_type != "sweep"} == {
        "good",
        "bad",
        "worse",
        None,
    }
    assert {run.run.project for run in runs.values()} == {"later"}
    assert files(kept.results) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no tracker is named"),
        (("tracking=wandbb",), "Did you mean 'wandb'"),
        (("tracking=wandb", "tracking.projct=x"), "Did you mean 'project'"),
        (("tracking=wandb", "tracking.mode=onlin"), "offline, online"),
        (("tracking=wandb", "model=gan"), "no options but those of tracking"),
        (("tracking=wandb", "2001"), "no sweep '2001'"),
        (("tracking=wandb", "2001", "2002"), "one sweep at a time"),
    ],
)
def test_mistakes_are_told_in_a_line(
    kept: Any, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    pytest.importorskip("wandb")
    assert track(*words, "--results", str(kept.results)) == 2
    assert message in capsys.readouterr().err


def test_a_run_that_cannot_be_mirrored_is_told_and_the_others_go_on(
    kept: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def mirror(self: NoTracker, record: Any, results: Path, sweep_id: str, axes: Any) -> None:
        seen.append(record.run_id)
        if len(seen) == 1:
            raise ConnectionError("the line is dead")

    wandb_tracker = pytest.importorskip("genbench.tracking.wandb").WandbTracker
    monkeypatch.setattr(wandb_tracker, "mirror", mirror)
    monkeypatch.setattr(wandb_tracker, "finish_sweep", lambda *arguments: None)
    monkeypatch.setattr(wandb_tracker, "__init__", lambda self, options: None)
    assert track("tracking=wandb", "--results", str(kept.results)) == 1
    assert seen == [record.run_id for record in kept.records]
    assert "the line is dead" in capsys.readouterr().err


def test_a_failing_tracker_says_what_to_do_and_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise OSError("no space left")

    assert not safely(fails, "wandb", "20260102-030405-abcd")
    told = capsys.readouterr().err
    assert "OSError: no space left" in told
    assert "genbench track 20260102-030405-abcd tracking=wandb" in told
    assert safely(lambda: None, "wandb", "") is True


def test_a_sweep_survives_its_tracker_and_is_tracked_when_asked_again(
    tmp_path: Path, offline_runs: Callable[[Path], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb")
    (tmp_path / "file").touch()
    words = ["run", "model=gan", "debug=quick", "features=pixels", "metrics=[kid]", f"results={tmp_path / 'results'}"]
    with pytest.raises(SystemExit) as done:
        main([*words, "tracking=wandb", f"tracking.directory={tmp_path / 'file'}"])
    told = capsys.readouterr().err
    assert done.value.code == 0
    assert told.count("tracking=wandb failed: NotADirectoryError") == 2, "once for the run, once for the sweep"
    (path,) = (tmp_path / "results").glob("*/result.json")
    assert read_record(path).status == Status.DONE

    with pytest.raises(SystemExit) as done:
        main([*words, "tracking=wandb"])
    told = capsys.readouterr().err
    assert done.value.code == 0
    assert "answered from the store" in told
    assert "failed" not in told
    runs = {run.run.job_type: run for run in offline_runs(tmp_path / "results").values()}
    assert set(runs) == {"gan", "sweep"}
    assert runs["gan"].run.run_group == runs["sweep"].run.run_group
    assert runs["gan"].summary["rows/generated/pixels/kid"] == read_record(path).rows["generated"]["pixels/kid"].value


def test_no_tracker_makes_nothing(kept: Any) -> None:
    before = files(kept.results)
    tracker = NoTracker()
    for record in kept.records:
        tracker.mirror(record, kept.results, kept.sweep.sweep_id)
    tracker.finish_sweep(kept.sweep, kept.records, kept.results)
    assert files(kept.results) == before


def test_the_tracker_of_a_job_is_known_again_at_the_end_of_its_sweep() -> None:
    asked = compose_tracking(["tracking=wandb", "tracking.mode=online", "tracking.tags=[a,b]"])
    assert asked.options == WandbOptions(mode=Mode.online, tags=["a", "b"])
    plain = {"name": "wandb", **vars(asked.options), "mode": "online"}
    assert tracking_again(plain) == asked
    assert tracking_again({"name": "none"}).entry.name == "none"


def test_choosing_a_tracker_imports_no_wandb() -> None:
    import subprocess

    code = (
        "import sys; from genbench.config.tracking import compose_tracking\n"
        "compose_tracking(['tracking=wandb']).build(); assert 'wandb' not in sys.modules and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
