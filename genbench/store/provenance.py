"""Where numbers come from: code, packages, machine. Imports no torch unless a GPU is asked about."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from genbench.store.digests import plain
from genbench.store.records import Made, ProvenanceRecord

PACKAGES = (
    "genbench",
    "torch",
    "numpy",
    "hydra-core",
    "omegaconf",
    "lightning-fabric",
    "safetensors",
    "scikit-learn",
    "torch-fidelity",
)


def hardware(device: str) -> dict[str, Any]:
    """The machine as far as it changes a timing: processor, cores, GPU, torch build."""
    return dict(_hardware(device))


def device_name(device: str) -> str:
    """The name that a table shows."""
    facts = hardware(device)
    return str(facts.get("gpu", facts["cpu"]))


def versions() -> dict[str, str]:
    """Versions of Python and of those PACKAGES that are installed."""
    return dict(_versions())


def made(
    parts: Mapping[str, Any],
    device: str,
    command: str,
    seconds: float,
    libraries: Mapping[str, str],
    threads: int,
    processes: int,
) -> Made:
    """Where an artifact that was made here and now comes from. `parts` are those of its identity, `libraries` the
    versions of what its code imports.
    """
    return Made(
        parts=plain(parts),
        versions=versions(),
        hardware=hardware(device),
        threads=threads,
        processes=processes,
        utc=now(),
        command=command,
        seconds=seconds,
        libraries=dict(libraries),
    )


def provenance(device: str, seeds: Mapping[str, int], command: str) -> ProvenanceRecord:
    """Where a record that is made here and now comes from."""
    return ProvenanceRecord(
        git_commit=_git_commit(),
        versions=versions(),
        hardware=hardware(device),
        seeds=dict(seeds),
        command=command,
        utc=now(),
    )


def now() -> str:
    """The time as records hold it: 2026-01-31T12:00:00Z."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@cache
def _hardware(device: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "device": device.partition(":")[0],
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "torch": version("torch"),
    }
    if device.startswith("cuda"):
        import torch

        properties = torch.cuda.get_device_properties(torch.device(device))
        facts |= {"gpu": properties.name, "gpu_memory_bytes": properties.total_memory, "cuda": torch.version.cuda}
    return facts


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


@cache
def _git_commit() -> str | None:
    """The commit that genbench's own source is at, with "+" if files differ from it; None outside a checkout."""
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None  # installed somewhere inside another project's checkout
    commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return None if commit is None else commit + ("+" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
