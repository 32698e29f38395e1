"""Checkpoints: whole or not there, and never code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import pytest
import torch

from genbench.training import checkpoints

CPU = torch.device("cpu")


def test_what_is_packed_is_unpacked() -> None:
    content = {"step": 3, "weights": {"a": torch.arange(3.0)}, "averages": None, "curves": [{"loss": 0.5}]}
    again = checkpoints.unpacked(checkpoints.packed(content), CPU)
    assert torch.equal(again["weights"].pop("a"), content["weights"].pop("a"))  # type: ignore[attr-defined]
    assert again == content


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "harmed",))

    buffer = io.BytesIO()
    torch.save({"run": Harmful()}, buffer)
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.unpacked(buffer.getvalue(), CPU)
    assert not (tmp_path / "harmed").exists()


def test_whoever_is_killed_while_writing_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, data: bytes) -> int:
        path.open("wb").close()
        raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    checkpoints.write(path, b"first")
    checkpoints.write(path, b"second")
    monkeypatch.setattr(Path, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.write(path, b"third")
    assert path.read_bytes() == b"second"
