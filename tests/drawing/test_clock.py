"""The real clock waits for devices that work on their own."""

from __future__ import annotations

import time

import pytest
import torch

from genbench.drawing.clock import Clock


def test_it_waits_for_the_device_and_only_for_one_that_works_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr("torch.accelerator.synchronize", waited.append)
    for name in ("cpu", "cuda:1", "mps"):
        Clock().synchronise(torch.device(name))
    assert waited == [torch.device("cuda:1"), torch.device("mps")]


def test_it_tells_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 12.5)
    assert Clock().perf_counter() == 12.5
