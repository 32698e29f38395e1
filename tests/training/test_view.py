"""The training view: images and conditions by index, on the host or kept on the device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.images import ArrayImages
from genbench.interfaces.data import Column, ConditionKind, ConditionSpec, DataSpec
from genbench.interfaces.tasks import Examples
from genbench.training.view import SplitView

CPU = torch.device("cpu")
BYTES = 30 * 3 * 4 * 5 + 30 * 8
"""Of the images and labels below."""
CONDITIONS = (
    ConditionSpec("caption", ConditionKind.TEXT, dtype="text"),
    ConditionSpec("mask", ConditionKind.MASK, (1, 4, 5), "bool"),
    ConditionSpec("label", ConditionKind.LABEL),
)
SPEC = DataSpec(3, 4, 5, conditions=CONDITIONS)


class Captioned:
    """A task of labels, captions and fresh masks; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Tensor] = []

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        self.asked.append(indices)
        assert len(batch.columns) == 2
        with pytest.raises(KeyError):
            batch.columns["group"]
        mask = torch.rand(len(indices), 1, *batch.images.shape[2:], generator=generator) < 0.5
        return {"mask": mask, **batch.columns}


@pytest.fixture
def pixels() -> Tensor:
    return torch.randint(0, 256, (30, 3, 4, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def make(pixels: Any, spec: DataSpec = SPEC, memory: int | None = None, task: Any = None) -> SplitView:
    columns: dict[str, Column] = {"label": torch.arange(30), "caption": [f"number {i}" for i in range(30)]}
    return SplitView(ArrayImages("made-up", pixels, columns), spec, CPU, task, memory)


@pytest.mark.parametrize("memory", [None, 4 * BYTES, 4 * BYTES - 4])
def test_images_are_those_of_the_split(pixels: Tensor, memory: int | None) -> None:
    view, indices = make(pixels, memory=memory), torch.tensor([3, 29, 3])
    assert len(view) == 30
    assert torch.equal(view.images(indices), pixels[indices])
    assert torch.equal(torch.cat(list(view.batches(7))), pixels)
    assert [len(batch) for batch in view.batches(7)] == [7, 7, 7, 7, 2]


@pytest.mark.parametrize(("memory", "kept"), [(None, False), (4 * BYTES, True), (4 * BYTES - 4, False)])
def test_a_quarter_of_the_memory_may_be_taken(pixels: Tensor, memory: int | None, kept: bool) -> None:
    class Counted(ArrayImages):
        def take(self, indices: Tensor) -> Tensor:
            taken.append(len(indices))
            return super().take(indices)

    taken: list[int] = []
    columns = {"label": torch.arange(30)}
    view = SplitView(Counted("made-up", pixels, columns), SPEC, CPU, None, memory)
    view.images(torch.tensor([1, 2]))
    assert taken == ([] if kept else [2])


def test_a_memory_map_is_read_by_index(tmp_path: Path, pixels: Tensor) -> None:
    path = tmp_path / "images.npy"
    np.save(path, pixels.numpy())
    view = make(np.load(path, mmap_mode="r"))
    images = view.images(torch.tensor([4, 0]))
    assert torch.equal(images, pixels[[4, 0]])
    images.zero_()
    assert torch.equal(view.images(torch.tensor([4])), pixels[[4]])


@pytest.mark.parametrize("memory", [None, 4 * BYTES])
def test_conditions_are_drawn_by_the_task_for_the_batch(pixels: Tensor, memory: int | None) -> None:
    view, indices = make(pixels, memory=memory, task=Captioned()), torch.tensor([5, 1])
    generator = torch.Generator()
    first = view.conditions(view.images(indices), indices, generator.manual_seed(1))
    again = view.conditions(view.images(indices), indices, generator.manual_seed(1))
    other = view.conditions(view.images(indices), indices, generator.manual_seed(2))
    assert list(first) == ["caption", "mask", "label"]
    assert first["caption"] == ["number 5", "number 1"]
    assert torch.as_tensor(first["label"]).tolist() == [5, 1]
    assert torch.equal(first["mask"], again["mask"])  # type: ignore[arg-type]
    assert not torch.equal(first["mask"], other["mask"])  # type: ignore[arg-type]


def test_a_stage_is_shown_the_conditions_that_it_reads(pixels: Tensor) -> None:
    task, indices = Captioned(), torch.tensor([5, 1])
    labelled = make(pixels, DataSpec(3, 4, 5, conditions=CONDITIONS[2:]), task=task)
    assert list(labelled.conditions(labelled.images(indices), indices, torch.Generator())) == ["label"]
    bare = make(pixels, DataSpec(3, 4, 5), task=task)
    assert bare.conditions(bare.images(indices), indices, torch.Generator()) == {}
    assert len(task.asked) == 1


def test_a_condition_that_nobody_gives_is_named(pixels: Tensor) -> None:
    images, indices = pixels[:1], torch.tensor([0])
    spec = DataSpec(3, 4, 5, conditions=(ConditionSpec("pose", ConditionKind.IMAGE),))
    with pytest.raises(ValueError, match="gives no condition 'pose' for training, only mask, label, caption"):
        make(pixels, spec, task=Captioned()).conditions(images, indices, torch.Generator())
    with pytest.raises(ValueError, match="no task gives the condition 'pose'"):
        make(pixels, spec).conditions(images, indices, torch.Generator())
