"""Checkpoints: what training needs to go on, as bytes, in a file that is there as a whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch


def packed(content: dict[str, Any]) -> bytes:
    """Tensors, numbers, texts, and lists and dicts of these."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def unpacked(data: bytes, device: torch.device) -> dict[str, Any]:
    """The inverse of `packed`, with tensors on the device. Runs no code that the bytes might hold."""
    content: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    return content


def write(path: Path, data: bytes) -> None:
    """Replace the file, so that whoever is killed meanwhile finds the one before."""
    side = path.with_name(f"{path.name}.writing")
    side.write_bytes(data)
    os.replace(side, path)
