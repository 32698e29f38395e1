"""What every ImageSet must do: reading, taking and parting it must agree."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.interfaces.data import ImageSet
from genbench.testing.made_up import entries, same


def check_images(images: ImageSet, what: str) -> None:
    """Raise AssertionError, with what to change, unless this is a set of uint8 images that agrees with itself."""
    assert isinstance(images, ImageSet), f"{what} is a {type(images).__name__}: return a genbench.ImageSet"
    assert images.id, f"{what} has no id, by which what is computed of it is known"
    count = len(images)
    assert count > 0, f"{what} is empty: there must be images"
    _check_columns(images, what)
    stop = min(count, 7)
    first = images.read(0, stop)
    assert isinstance(first, Tensor), f"{what}.read() returns a {type(first).__name__}: return a tensor"
    assert first.dtype == torch.uint8, f"{what}.read() returns {first.dtype}: images are uint8"
    assert first.device.type == "cpu", f"{what}.read() returns images on {first.device}: they are read to the CPU"
    assert first.ndim == 4, f"{what}.read() returns {list(first.shape)}: images are [N, C, H, W]"
    assert len(first) == stop, f"{what}.read(0, {stop}) returns {len(first)} images"
    if images.shape is not None:
        assert tuple(first.shape[1:]) == tuple(images.shape), (
            f"{what} says that its images are {images.shape}, and reads {tuple(first.shape[1:])}"
        )
    before = first.clone()
    first.fill_(0)
    assert torch.equal(images.read(0, stop), before), (
        f"{what}.read() returns other images the second time, or memory that changing a batch changes: return a new"
        " tensor of the same images"
    )
    order = torch.tensor([stop - 1, 0, stop - 1])
    assert torch.equal(images.take(order), before[order]), f"{what}.take(indices) gives other images than read()"
    batches = torch.cat(list(images.part(0, stop).batches(3)))
    assert torch.equal(batches, before), f"{what}.part(0, {stop}).batches(3) gives other images than read()"
    _check_part(images, what, stop)


def _check_part(images: ImageSet, what: str, stop: int) -> None:
    start = stop // 2
    part = images.part(start, stop - start)
    assert len(part) == stop - start, f"{what}.part({start}, {stop - start}) has {len(part)} images"
    assert torch.equal(part.read(0, len(part)), images.read(start, stop)), (
        f"{what}.part() gives other images than read()"
    )
    assert (part.id, part.first) == (images.id, images.first + start), (
        f"{what}.part({start}, …) says it is images {part.first}, … of '{part.id}': a part keeps the id of the whole"
        f" collection and begins at {images.first + start}"
    )
    for name, column in images.columns.items():
        assert same(part.columns[name], entries(column, torch.arange(start, stop))), (
            f"{what}.part() does not take its part of column '{name}'"
        )


def _check_columns(images: ImageSet, what: str) -> None:
    for name, column in images.columns.items():
        assert len(column) == len(images), (
            f"column '{name}' of {what} has {len(column)} entries for {len(images)} images: one for each is needed"
        )
        if not isinstance(column, Tensor):
            assert all(isinstance(text, str) for text in column), (
                f"column '{name}' of {what} is neither tensor nor texts"
            )
