"""Draw N images with a Runner, the device synchronised once, at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.drawing.requests import Requests
from genbench.errors import DivergedError
from genbench.images import to_bytes
from genbench.interfaces.drawing import Runner


@dataclass(frozen=True)
class Drawn:
    """uint8 images [N, C, H, W] on the CPU and the wall-clock seconds of drawing them, without copying and rounding."""

    images: Tensor
    seconds: float


@torch.inference_mode()
def draw_images(
    runner: Runner, requests: Requests, count: int, batch_size: int, report: Callable[[int], None] = lambda done: None
) -> Drawn:
    """Images 0, …, count - 1. Raises DivergedError, naming the first image that is not finite."""
    pending = list(requests.batches(count, batch_size))
    batches = []
    synchronise(requests.device)
    started = time.perf_counter()
    for request in pending:
        batches.append(runner.run(request))
        report(min(count, len(batches) * batch_size))
    synchronise(requests.device)
    seconds = time.perf_counter() - started
    images = torch.cat(batches)[:count].cpu()
    finite = images.flatten(1).isfinite().all(dim=1)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0])
        raise DivergedError(f"image {first} (and {int((~finite).sum()) - 1} more of {count}) holds NaN or infinity")
    return Drawn(to_bytes(images), seconds)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
