"""Devices are known by what they are, and taken one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genbench.drawing import devices, locks
from genbench.drawing.devices import Load, claim, device_id, exclusive, resolve_device, watch_load

Visible = Callable[..., None]


@pytest.fixture
def visible(monkeypatch: pytest.MonkeyPatch) -> Visible:
    """Makes GPUs of these UUIDs the visible ones, numbered from 0."""

    def show(*uuids: str) -> None:
        monkeypatch.setattr("torch.cuda.device_count", lambda: len(uuids))
        monkeypatch.setattr(
            "torch.cuda.get_device_properties", lambda device: SimpleNamespace(uuid=uuids[torch.device(device).index])
        )

    return show


def test_an_unusable_device_is_refused_with_a_way_out() -> None:
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(ValueError, match=r"device 'cuda:77' cannot be used here: .*try device=cpu"):
        resolve_device("cuda:77")


@pytest.mark.parametrize(("there", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(there: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    assert resolve_device("auto") == device


def test_a_gpu_is_named_by_its_uuid_whatever_its_number(visible: Visible) -> None:
    visible("aaaa", "bbbb")
    names = [device_id("cuda:0"), device_id("cuda:1")]
    visible("bbbb")
    assert names == ["gpu-aaaa", "gpu-bbbb"]
    assert device_id("cuda:0") == names[1]


def test_a_cpu_is_named_by_the_kernels_boot_or_else_by_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "boot_id").write_text("1f-2e\n")
    monkeypatch.setattr(devices, "BOOT_ID", tmp_path / "boot_id")
    assert device_id("cpu") == "cpu-1f-2e"
    monkeypatch.setattr(devices, "BOOT_ID", tmp_path / "none")
    monkeypatch.setattr("platform.node", lambda: "a-host")
    assert device_id("cpu") == "cpu-a-host"


def test_nobody_is_asked_who_the_user_is(monkeypatch: pytest.MonkeyPatch, visible: Visible) -> None:
    def unknown(*arguments: Any) -> None:
        raise KeyError("getpwuid(): uid not found")  # as in a container without a user database

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    visible("aaaa")
    with exclusive("cpu"), exclusive("cuda:0"), claim("cuda") as device:
        assert device == "cuda:0"


def test_jobs_claim_a_gpu_each(visible: Visible) -> None:
    visible("aaaa", "bbbb")
    with claim("cuda") as first, claim("cuda") as second, claim("cpu") as other, claim("cuda:1") as named:
        assert (first, second, other, named) == ("cuda:0", "cuda:1", "cpu", "cuda:1")
    with claim("cuda") as free:
        assert free == "cuda:0"


def test_jobs_that_see_other_gpus_do_not_wait_for_each_other(visible: Visible) -> None:
    visible("aaaa")
    with claim("cuda") as first:
        visible("bbbb")
        with claim("cuda") as second:
            assert (first, second) == ("cuda:0", "cuda:0")
        visible("bbbb", "aaaa")
        with claim("cuda") as third:
            assert third == "cuda:0"
            visible("aaaa", "bbbb")
            assert locks.try_acquire(f"claim-{device_id('cuda:1')}") is None


def test_a_job_waits_for_the_first_gpu_that_is_free(visible: Visible, monkeypatch: pytest.MonkeyPatch) -> None:
    visible("aaaa")
    holder, looks = claim("cuda"), []
    holder.__enter__()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            holder.__exit__(None, None, None)

    monkeypatch.setattr("time.sleep", sleep)
    with claim("cuda") as device:
        assert device == "cuda:0"
    assert looks == [devices.PATIENCE] * 3


def test_one_timing_at_a_time_per_device(visible: Visible) -> None:
    visible("aaaa", "bbbb")
    with exclusive("cuda:1"), exclusive("cpu"):
        taken = [locks.try_acquire(f"time-{device_id(device)}") is None for device in ("cuda:0", "cuda:1", "cpu")]
    assert taken == [False, True, True]


def test_contention_means_fewer_idle_cores_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert not Load(others=3.1, threads=1).contended
    assert Load(others=3.4, threads=1).contended
    assert Load(others=1.0, threads=4).contended


def test_load_is_what_others_used_a_second(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    used = {"busy": 50.0, "own": 20.0}
    monkeypatch.setattr(devices, "busy_seconds", lambda: used["busy"])
    monkeypatch.setattr(devices, "own_seconds", lambda: used["own"])
    with watch_load(2, clock) as load:
        used["busy"] += 12.0
        used["own"] += 4.0
        clock.work(10.0)
    assert (load.others, load.threads) == (0.8, 2)
    with watch_load(2, clock) as idle:
        used["own"] += 1.0  # the two are not read at the same moment
        clock.work(10.0)
    assert idle.others == 0.0


def test_processor_seconds_are_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "psutil.cpu_times", lambda: Times(user=10.0, system=3.0, idle=100.0, iowait=5.0, irq=1.0, guest=2.0)
    )
    assert devices.busy_seconds() == 14.0 - 0.0
    before = devices.own_seconds()
    assert 0 < before <= os.times().user + os.times().system + 0.05


class Times(tuple[float, ...]):
    """As psutil gives them: a tuple with names, in which a guest's time is part of the user's."""

    def __new__(cls, **times: float) -> Times:
        self = super().__new__(cls, times.values())
        vars(self).update(times)
        return self
