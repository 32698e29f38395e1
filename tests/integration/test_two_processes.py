"""Two processes at every run, as torchrun starts them: the same numbers, half of the work each, one sweep."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from genbench.store.maps import RowMap
from genbench.store.records import RunRecord, Status, read_record
from genbench.store.sweeps import read_sweep

MODELS = ("nocost", "gan_tiny", "pixelcnn_tiny", "latent_diffusion_tiny")
WORDS = (f"model={','.join(MODELS)}", "features=counted", "metrics=[frechet_distance,kid]", "sampling.num_samples=400")
BUDGET = "training.budget=steps:50"


def record_of(results: Path) -> dict[str, RunRecord]:
    """The records, by run id."""
    records = [read_record(path) for path in results.glob("*/result.json")]
    return {record.run_id: record for record in records}


def rows(results: Path, kind: str) -> dict[str, bytes]:
    """Every row of every row map of a kind, by its id."""
    maps = {path.parent.name: RowMap(path.parent) for path in (results / "artifacts" / kind).glob("*/rows.json")}
    return {id: b"".join(rows[name].tobytes() for name in sorted(rows.formats)) for id, rows in maps.items()}


def curve(results: Path, record: RunRecord) -> list[Any]:
    """The training curve of the model's first stage."""
    assert record.model is not None
    path = results / "artifacts/stages" / record.model.stages[0].id / "training.json"
    return list(json.loads(path.read_text())["curves"])


@pytest.fixture(scope="module")
def alone(genbench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one process."""
    folder = tmp_path_factory.mktemp("alone")
    done = genbench(folder, "run", "-m", *WORDS, *genbench.cheap, BUDGET)
    assert done.code == 0, done.errors
    return folder / "results"


@pytest.fixture(scope="module")
def trained(genbench: Any, alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of two processes, with the models of `alone` already in the store."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(alone / "artifacts/stages", folder / "results/artifacts/stages")
    first, second = [
        command.ends() for command in genbench.together(folder, "run", "-m", *WORDS, *genbench.cheap, BUDGET)
    ]
    assert (first.code, second.code) == (0, 0), first.errors
    return folder / "results"


@pytest.fixture(scope="module")
def empty(genbench: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], Path]:
    """The results of two processes with an empty store, what they said, and the folder with the counts of each."""
    folder, counts = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("counts")
    both = genbench.together(folder, "run", "-m", *WORDS, *genbench.cheap, BUDGET, NOCOST_COUNTS=str(counts))
    return folder / "results", [command.ends() for command in both], counts


def test_with_the_models_in_the_store_images_and_features_are_those_of_one_process(alone: Path, trained: Path) -> None:
    assert record_of(trained).keys() == record_of(alone).keys()
    assert len(rows(alone, "samples")) == 4
    assert rows(trained, "samples") == rows(alone, "samples")
    assert rows(trained, "features") == rows(alone, "features")


def test_and_so_are_the_scores(alone: Path, trained: Path) -> None:
    ours, theirs = record_of(trained), record_of(alone)
    for run, record in theirs.items():
        assert record.rows.keys() == ours[run].rows.keys()
        for name, measurements in record.rows.items():
            for key, measurement in measurements.items():
                assert ours[run].rows[name][key].value == pytest.approx(measurement.value, rel=1e-9, abs=1e-9)


def test_with_an_empty_store_there_is_one_sweep_one_table_and_one_record_a_run(
    empty: tuple[Path, list[Any], Path],
) -> None:
    results, (first, second), _ = empty
    assert (first.code, second.code) == (0, 0), first.errors
    assert (second.output, second.errors) == ("", "")
    assert first.output.count("\nsweep ") == 1
    assert len(list(results.glob("sweeps/*/sweep.json"))) == 1
    sweep = read_sweep(results)
    assert sweep is not None
    assert [job.axes["model"] for job in sweep.jobs] == list(MODELS)
    assert [read_record(results / run / "result.json").status for run in sweep.runs] == [Status.DONE] * 4
    assert len(list(results.glob("*/result.json"))) == 4
    assert not list(results.glob("artifacts/*/*.partial"))


def test_losses_without_random_numbers_are_those_of_one_process(
    alone: Path, empty: tuple[Path, list[Any], Path]
) -> None:
    results, _, _ = empty
    ours = {record.name: record for record in record_of(results).values()}
    theirs = {record.name: record for record in record_of(alone).values()}
    assert ours["nocost"].run_id == theirs["nocost"].run_id
    one, two = curve(alone, theirs["nocost"]), curve(results, ours["nocost"])
    assert [point["step"] for point in two] == [point["step"] for point in one] == list(range(1, 51))
    assert [point["loss"] for point in two] == pytest.approx([point["loss"] for point in one], abs=1e-5)


@pytest.mark.parametrize("work", ["train", "draw", "extract"])
def test_each_process_does_its_half(empty: tuple[Path, list[Any], Path], work: str) -> None:
    _, _, counts = empty
    passed = [Counter[str](), Counter[str]()]
    for rank, counter in enumerate(passed):
        for line in (counts / str(rank)).read_text().splitlines():
            kind, images = line.split()
            counter[kind] += int(images)
    total = passed[0][work] + passed[1][work]
    assert total > 0
    assert 0.4 <= passed[1][work] / total <= 0.6


def test_what_fails_on_one_of_them_ends_its_job_and_the_next_goes_on(genbench: Any, tmp_path: Path) -> None:
    """An exception on rank 1, a batch that cannot be shared, and a run in which nothing is wrong."""
    (tmp_path / "mine/experiment").mkdir(parents=True)
    lists = "sweep:\n  - {model.wrong: error}\n  - {model.batch_size: 7}\n  - {seed: 0}\n"
    (tmp_path / "mine/experiment/wrong.yaml").write_text(f"# @package _global_\n{lists}")
    words = ("--config-dir", "mine", "experiment=wrong", "model.rank=1", *genbench.nocost)
    started = time.monotonic()
    first, second = [command.ends() for command in genbench.together(tmp_path, "run", "-m", *words)]
    assert time.monotonic() - started < 60
    assert (first.code, second.code) == (1, 0), first.errors
    sweep = read_sweep(tmp_path / "results")
    assert sweep is not None
    records = [read_record(tmp_path / "results" / run / "result.json") for run in sweep.runs]
    assert [record.status for record in records] == [Status.FAILED, Status.FAILED, Status.DONE]
    assert records[0].reason == "rank 1: RuntimeError: the model broke on purpose"
    assert "[1/3 nocost] failed: rank 1: RuntimeError: the model broke on purpose" in first.errors
    assert "7" in (records[1].reason or "")
    assert "\n" not in (records[1].reason or "\n")
    assert second.errors == ""


def test_an_interrupt_ends_both_with_the_line_to_type(genbench: Any, tmp_path: Path) -> None:
    words = ("run", *genbench.nocost, "training.budget=steps:100000")
    first, second = genbench.together(tmp_path, *words)
    first.says("training regression")
    first.send(signal.SIGINT)
    done = first.ends()
    assert done.code == 130
    assert "The same command goes on from here" in done.errors
    assert "Traceback" not in done.errors
    assert second.ends().errors == ""


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hydra/launcher=joblib", "under torchrun jobs run one after the other"),
        ("metrics=[kidd]", "unknown metrics 'kidd'. Did you mean 'kid'?"),
        ("nocost", "'nocost' is not an override"),
    ],
)
def test_a_mistake_is_said_once_before_any_work(genbench: Any, tmp_path: Path, word: str, said: str) -> None:
    both = genbench.together(tmp_path, "run", *genbench.nocost, word)
    first, second = [command.ends() for command in both]
    assert first.code == 2
    assert said in first.errors
    assert (second.output, second.errors) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_half_of_what_torchrun_sets_is_said_in_a_line(genbench: Any, tmp_path: Path) -> None:
    done = genbench(tmp_path, "run", *genbench.nocost, RANK="0", WORLD_SIZE="2")
    assert done.code == 2
    assert done.errors.startswith("genbench: RANK and WORLD_SIZE are set and MASTER_ADDR is not")


def test_torchrun_ends_when_a_process_is_killed_and_the_same_command_goes_on(
    genbench: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    words = ("run", "-m", "seed=0,1", *genbench.nocost)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "genbench")
    started = time.monotonic()
    killed = subprocess.run(
        [*torchrun, *words],
        cwd=tmp_path,
        env={**os.environ, **environment, "NOCOST_DEATH": "train:3", "NOCOST_DEATH_RANK": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert time.monotonic() - started < 60
    assert killed.returncode != 0
    assert "Unable to shutdown process" not in killed.stderr, "torchrun had to kill the other one"
    assert not list((tmp_path / "results").glob("artifacts/stages/*[!l]"))
    both = [command.ends() for command in genbench.together(tmp_path, *words)]
    assert [done.code for done in both] == [0, 0], both[0].errors
    assert len(record_of(tmp_path / "results")) == 2
