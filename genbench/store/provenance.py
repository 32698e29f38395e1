"""Where a number comes from: code, packages, machine. Imports no torch unless a GPU is asked about."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "genbench",
    "torch",
    "numpy",
    "hydra-core",
    "omegaconf",
    "lightning-fabric",
    "scikit-learn",
    "torch-fidelity",
)


@cache
def hardware(device: str) -> dict[str, Any]:
    """The machine as far as it changes a timing: processor, cores, GPU, torch build."""
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


def device_name(device: str) -> str:
    """The name that a table shows."""
    facts = hardware(device)
    return str(facts.get("gpu", facts["cpu"]))


def provenance(device: str, seeds: dict[str, int], command: str) -> dict[str, Any]:
    """The record's provenance: git commit of genbench's source, package versions, machine, seeds, command, time."""
    return {
        "git_commit": _git_commit(),
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": hardware(device),
        "seeds": seeds,
        "command": command,
        "utc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


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
