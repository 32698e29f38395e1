"""Integers mixed into seeds and keys. Python integers here; the vectorised noise is in `drawing/noise.py`."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def finalise(z: int) -> int:
    """The splitmix64 output function (Steele, Lea & Flood, 2014) on 64-bit unsigned integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def mix(*parts: int) -> int:
    """A 63-bit non-negative seed that depends on every part and on their order."""
    z = len(parts)
    for part in parts:
        z = finalise((z + GOLDEN + finalise(part & MASK)) & MASK)
    return z >> 1


def name_seed(name: str) -> int:
    """A 63-bit non-negative integer of a name, the same in every process: a part for `mix`."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def image_keys(sampling_seed: int, start: int, count: int) -> Tensor:
    """int64 keys [count] of images start, start + 1, …: replicates with other seeds never overlap."""
    return torch.tensor([mix(sampling_seed, start + i) for i in range(count)], dtype=torch.int64)
