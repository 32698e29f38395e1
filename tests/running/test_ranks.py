"""Several processes, started by torchrun: exchanges, training, and what becomes of the others when one fails."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from genbench.interfaces.ranks import Alone
from genbench.running.ranks import World, processes

WORKER = Path(__file__).with_name("ranks_worker.py")


def torchrun(scenario: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
    """Two processes; what each of them saw."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(WORKER)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, scenario, str(folder)], capture_output=True, text=True, timeout=120, env=environment
    )
    files = [folder / f"{rank}.pt" for rank in range(2)]
    return done, [torch.load(file, weights_only=True) if file.exists() else {} for file in files]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    done, seen = torchrun("all", tmp_path_factory.mktemp("ranks"))
    assert done.returncode == 0, done.stderr[-3000:]
    return seen


@pytest.fixture(scope="module")
def worker() -> Any:
    """The worker's module, for the same trainings in this process."""
    spec = importlib.util.spec_from_file_location("ranks_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("job", ["exchange", "exchange again"])
def test_exchanges(seen: list[Any], job: str) -> None:
    zero, one = seen[0][job], seen[1][job]
    assert [zero["world"], one["world"]] == [(0, 2), (1, 2)]
    assert zero["broadcast"] == one["broadcast"] == {"from": 0, "value": (1, "two", None)}
    for small, large in (zero["average"], one["average"]):
        assert torch.equal(small, torch.full((2, 3), 0.5))
        assert torch.equal(large, torch.arange(5, dtype=torch.float64) * 1.5)


@pytest.mark.parametrize("job", ["exchange", "exchange again"])
def test_rows_reach_rank_0_in_the_order_of_ranks(seen: list[Any], job: str) -> None:
    rows = seen[0][job]["gathered"]
    assert [entry["bytes"].tolist() for entry in rows] == [[[7, 7], [7, 7]], [[8, 8], [8, 8]]]
    assert [float(entry["numbers"]) for entry in rows] == [0.5, 1.5]
    assert [tuple(entry["none"].shape) for entry in rows] == [(0, 3), (0, 3)]
    assert [entry["columns"].tolist() for entry in rows] == [[0, 1, 2], [3, 4, 5]]
    assert [entry["only"].tolist() for entry in seen[0][job]["partly"]] == [[True, False]]
    assert seen[0][job]["nobody"] == []
    assert seen[1][job]["gathered"] == seen[1][job]["partly"] == []


def test_a_failure_wakes_the_others_at_once_with_its_words(seen: list[Any]) -> None:
    assert seen[1]["rank 1 fails"] == ("ValueError", "the toy broke")
    assert seen[0]["rank 1 fails"] == ("RankError", "rank 1: ValueError: the toy broke")
    assert seen[0]["rank 0 fails"] == ("OSError", "no space left")
    assert seen[1]["rank 0 fails"] == ("RankError", "rank 0: OSError: no space left")
    assert seen[1]["rank 0 fails alone"] == ("RankError", "rank 0: OSError: no space left")
    assert max(entry[f"seconds of rank {r} fails"] for entry in seen for r in (0, 1)) < 20


def test_an_interrupt_is_one_for_all(seen: list[Any]) -> None:
    assert [entry["rank 0 is interrupted"][0] for entry in seen] == ["KeyboardInterrupt", "KeyboardInterrupt"]


def test_without_random_numbers_two_processes_train_as_one(seen: list[Any], worker: Any) -> None:
    stage, log = worker.train(worker.Line, Alone())
    for entry in seen:
        weights, curves, _ = entry["training"]["line"]
        assert torch.allclose(weights, worker.weights(stage), atol=1e-5)
        assert len(curves) == 50
        for point, alone in zip(curves, log.curves, strict=True):
            assert point == pytest.approx(alone, abs=1e-5)
    assert log.curves[-1]["loss"] < 0.5 * log.curves[0]["loss"]


def test_each_process_does_half_of_the_work(seen: list[Any]) -> None:
    assert [entry["training"]["line"][2] for entry in seen] == [50 * 4, 50 * 4]


def test_weights_and_statistics_end_equal_on_all_ranks_and_noise_differs(seen: list[Any]) -> None:
    (zero, curves, noise), (one, other_curves, other_noise) = (entry["training"]["noisy"] for entry in seen)
    assert torch.equal(zero, one)
    assert curves == other_curves
    assert not set(noise) & set(other_noise)
    assert [entry["training"]["log"] for entry in seen] == [(12, 96), (12, 96)]


@pytest.mark.parametrize(
    ("model", "stages"),
    [("gan", ["adversarial"]), ("pixelcnn", ["pixelcnn"]), ("latent_diffusion", ["autoencoder", "denoiser"])],
)
def test_our_models_end_every_stage_with_equal_weights(seen: list[Any], model: str, stages: list[str]) -> None:
    zero, one = (entry[model] for entry in seen)
    assert list(zero) == list(one) == stages
    for stage in stages:
        (weights, noise, images, batch_size), (others, other_noise, other_images, _) = zero[stage], one[stage]
        assert torch.equal(weights, others)
        assert not set(noise) & set(other_noise)
        assert images == other_images == [batch_size // 2] * 2


def test_ranks_that_built_other_weights_start_from_those_of_rank_0(seen: list[Any]) -> None:
    assert torch.equal(seen[0]["training"]["unequal"], seen[1]["training"]["unequal"])
    assert torch.equal(seen[0]["training"]["unequal"], seen[0]["training"]["line"][0])


def test_training_that_goes_on_ends_with_the_same_weights(seen: list[Any]) -> None:
    assert [entry["stopped"][0] for entry in seen] == ["KeyboardInterrupt", "KeyboardInterrupt"]
    weights, curves, _ = seen[0]["training"]["noisy"]
    for entry in seen:
        assert entry["resumed"]["steps"] == 6
        assert torch.equal(entry["resumed"]["weights"], weights)
        assert entry["resumed"]["curves"] == curves


def test_a_divergence_on_one_rank_is_said_on_all(seen: list[Any]) -> None:
    message = "stage 'toy', step 5: loss 'loss' is nan"
    assert [entry["diverging"] for entry in seen] == [("DivergedError", message)] * 2


def test_a_killed_process_ends_the_command(tmp_path: Path) -> None:
    started = time.monotonic()
    done, (zero, one) = torchrun("killed", tmp_path)
    assert done.returncode != 0
    assert time.monotonic() - started < 60
    assert one == {}
    if zero:  # written before torchrun ended it
        assert zero["killed"][0] == "RankError"
        assert "ended without a word" in zero["killed"][1]
        assert zero.get("the next", zero["killed"]) == zero["killed"]


def test_one_process_has_no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    assert processes() is None
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    assert processes() is None


def test_incomplete_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="MASTER_ADDR is not: start several processes with torchrun"):
        processes()


def test_every_process_gets_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    worlds = [World(None, rank, 3, rank) for rank in range(3)]  # type: ignore[arg-type]
    assert [world.device("cpu") for world in worlds] == ["cpu", "cpu", "cpu"]
    assert [world.device("cuda") for world in worlds[:2]] == ["cuda:0", "cuda:1"]
    with pytest.raises(ValueError, match="process 2 of this machine has no GPU of its own, for there are 2"):
        worlds[2].device("cuda")
    with pytest.raises(ValueError, match="3 processes cannot all work on cuda:1: use device=cuda"):
        worlds[0].device("cuda:1")
