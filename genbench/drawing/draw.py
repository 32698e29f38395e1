"""Draw images batch by batch: run, check, turn into bytes on the device, hand over. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.drawing.clock import Clock
from genbench.drawing.requests import Requests
from genbench.errors import DivergedError
from genbench.images import to_bytes
from genbench.interfaces.drawing import IMAGES, Runner
from genbench.interfaces.ranks import Alone, Ranks

Append = Callable[[Mapping[str, NDArray[np.uint8]]], object]
"""Takes one batch: uint8 images [B, C, H, W] by name."""


def missing_batches(have: int, count: int, batch_size: int) -> range:
    """The first image of each batch that is missing to `count` images where `have` are there.

    Batches are always whole and begin at multiples of their size, so there may be more images than were asked for.
    """
    if have % batch_size:
        raise ValueError(f"there are {have} images, which is no multiple of the batch size {batch_size}")
    return range(have, count, batch_size)


@torch.inference_mode()
def draw_images(
    runner: Runner,
    requests: Requests,
    count: int,
    batch_size: int,
    append: Append,
    clock: Clock,
    have: int = 0,
    ranks: Ranks | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> float:
    """Draw what is missing to `count` images where `have` are there, and give each batch to `append`, in order.

    Of several processes, rank r draws missing batches r, r + R, …, each as one process alone would; rank 0, whose
    `have` counts, appends them all. Returns the seconds that this process spent in `run`, the device synchronised
    before and after: checking, rounding, copying and writing are not in them. Raises DivergedError, which names the
    first image that is not finite, and ValueError for what no Runner may return.
    """
    ranks = ranks or Alone()
    starts = missing_batches(ranks.broadcast(have), count, batch_size)
    seconds, done = 0.0, starts.start
    for turn in range(0, len(starts), ranks.count):
        rows = None
        if turn + ranks.rank < len(starts):
            start = starts[turn + ranks.rank]
            request = requests.batch(start, batch_size)
            clock.synchronise(requests.device)
            started = clock.perf_counter()
            drawn = runner.run(request)
            clock.synchronise(requests.device)
            seconds += clock.perf_counter() - started
            rows = _as_bytes(runner, drawn, requests, start, batch_size)
        for batch in ranks.gather(rows):
            append({name: images.numpy() for name, images in batch.items()})
            done += batch_size
            report(min(done, count))
    return seconds


def main_images(drawn: Tensor | Mapping[str, Tensor]) -> Tensor:
    """The images that are scored, of what a Runner returned."""
    return drawn if isinstance(drawn, Tensor) else drawn[IMAGES]


def _as_bytes(
    runner: Runner, drawn: Tensor | Mapping[str, Tensor], requests: Requests, start: int, size: int
) -> dict[str, Tensor]:
    """uint8 images on the CPU, by name, of float ones on the device that were found to be sound."""
    batch = dict(drawn) if isinstance(drawn, Mapping) else {IMAGES: drawn}
    who = type(runner).__name__
    if IMAGES not in batch:
        raise ValueError(f"{who}.run returned {', '.join(map(repr, batch)) or 'nothing'} without '{IMAGES}'")
    wanted = [size, *requests.dataset.spec.shape]
    for name, images in batch.items():
        _check_form(f"{who}.run returned '{name}'", images, wanted, requests.device, exact=name == IMAGES)
        finite = images.isfinite().flatten(1).all(dim=1).cpu()
        if not bool(finite.all()):
            more = int((~finite).sum()) - 1
            what = "image" if name == IMAGES else f"'{name}' of image"
            raise DivergedError(
                f"{what} {start + int((~finite).nonzero()[0])} (and {more} more of its batch of {size}) holds NaN or"
                " infinity"
            )
    return {name: to_bytes(images).cpu() for name, images in batch.items()}


def _check_form(what: str, images: Tensor, wanted: list[int], device: torch.device, exact: bool) -> None:
    """Raise ValueError for another shape (further images may have their own channels and size), dtype or device."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"{what} as {kind}: a Runner returns tensors of floats in [-1, 1]")
    shape = list(images.shape)
    if shape != wanted and (exact or len(shape) != 4 or shape[0] != wanted[0]):
        raise ValueError(f"{what} of shape {shape}, and asked for were {wanted}")
    if images.device.type != device.type or device.index not in (None, images.device.index):
        raise ValueError(f"{what} on {images.device}, and asked for was {device}")
