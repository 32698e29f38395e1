"""The shipped tasks; and two that are not, inpainting and captions, to show what the protocol of tasks bears."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genbench.data.image_folder import load
from genbench.data.options import ImagesOptions
from genbench.data.splits import Split, dataset_of
from genbench.drawing.noise import uniform
from genbench.drawing.seeds import image_keys
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, ConditionKind, ConditionSpec, Dataset, DataSpec, ImageSet
from genbench.interfaces.tasks import Examples, Task
from genbench.running.tasks import ClassConditional, Unconditional

TRAIN, HELD_OUT = 7, 5
SPEC = DataSpec(channels=2, height=5, width=6, classes=("a", "b", "c"))


@pytest.fixture
def dataset() -> Dataset:
    """Images without a black pixel, with labels."""
    random = np.random.RandomState(0)
    splits = {
        name: Split(
            random.randint(1, 256, (count, *SPEC.shape)).astype(np.uint8),
            {"label": torch.from_numpy(random.randint(0, 3, count))},
        )
        for name, count in (("train", TRAIN), ("held_out", HELD_OUT))
    }
    return dataset_of("made_up", SPEC, splits, content="made_up")


def examples(dataset: Dataset, indices: Tensor) -> Examples:
    """What the training loop hands to a task."""
    train = dataset.splits["train"]
    columns = {
        name: column[indices] if isinstance(column, Tensor) else [column[i] for i in indices.tolist()]
        for name, column in train.columns.items()
    }
    return Examples(train.take(indices), columns)


def tensor(column: Column) -> Tensor:
    assert isinstance(column, Tensor)
    return column


# -------------------------------------------------------------------------------------------------------- shipped tasks


def test_the_module_imports_no_torch() -> None:
    code = "import sys, genbench.running.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("task", [Unconditional(), ClassConditional()])
def test_shipped_tasks_compare_with_the_training_images_alone(task: Task, dataset: Dataset) -> None:
    assert task.reference(dataset) is dataset.splits["train"]
    assert task.pairs(dataset, image_keys(0, 0, 3), 0) is None
    assert task.baselines(dataset) == {}
    assert task.defaults == {}
    assert task.unsupported(dataset) is None


def test_unconditional_asks_for_nothing(dataset: Dataset) -> None:
    task = Unconditional()
    assert task.conditions(SPEC) == ()
    assert task.training(examples(dataset, torch.arange(3)), torch.arange(3), torch.Generator()) == {}
    assert task.request(dataset, image_keys(0, 0, 3), 0) == {}


def test_training_shows_the_labels_of_the_batch(dataset: Dataset) -> None:
    task, indices = ClassConditional(), torch.tensor([4, 0, 4])
    assert task.conditions(SPEC) == (ConditionSpec("label", ConditionKind.LABEL, (), "int64"),)
    shown = task.training(examples(dataset, indices), indices, torch.Generator())
    assert torch.equal(tensor(shown["label"]), tensor(dataset.splits["train"].columns["label"])[indices])


@pytest.mark.parametrize("start", [0, 3, TRAIN, 2 * TRAIN + 5])
def test_requests_carry_the_labels_of_the_training_images_again_and_again(dataset: Dataset, start: int) -> None:
    labels = tensor(dataset.splits["train"].columns["label"]).repeat(5)
    asked = tensor(ClassConditional().request(dataset, image_keys(0, start, 10), start)["label"])
    assert asked.dtype == torch.int64
    assert torch.equal(asked, labels[start : start + 10])


def test_class_conditional_says_what_it_lacks(dataset: Dataset) -> None:
    train = dataset.splits["train"]
    unlabelled = replace(dataset, splits={"train": ArrayImages("x", train.read(0, len(train)))})
    reason = ClassConditional().unsupported(unlabelled)
    assert reason == "task 'class_conditional' needs labels, and dataset 'made_up' has none; use task=unconditional"
    assert ClassConditional().unsupported(replace(dataset, spec=replace(SPEC, classes=()))) == reason


# --------------------------------------------------------------------------------------------- images, masks and pairs

MASKS = 2**40
"""A number of a draw that no sampler comes to."""


@dataclass(frozen=True)
class Inpainting:
    """Fill in the hidden square of a held-out image. The right answer is known, and is no condition."""

    defaults: ClassVar[Mapping[str, str]] = {"metrics": "psnr"}

    side: int = 3

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        return (
            ConditionSpec("known", ConditionKind.IMAGE, data.shape, "uint8"),
            ConditionSpec("mask", ConditionKind.MASK, (1, *data.shape[1:]), "bool"),
        )

    def unsupported(self, dataset: Dataset) -> str | None:
        size = min(dataset.spec.height, dataset.spec.width)
        return f"task 'inpainting' hides {self.side} pixels of {size}; lower task.side" if self.side > size else None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return self._hidden(batch.images, torch.rand(len(batch.images), 2, generator=generator))

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        return self._hidden(_originals(dataset, keys, start), uniform(keys, MASKS, (2,)))

    def reference(self, dataset: Dataset) -> ImageSet:
        return dataset.splits["held_out"]

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        return ArrayImages(f"{dataset.splits['held_out'].id}-from-{start}", _originals(dataset, keys, start))

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        return {"training images": dataset.splits["train"]}

    def _hidden(self, images: Tensor, corner: Tensor) -> dict[str, Column]:
        """`corner` [B, 2] in [0, 1) says where in the image the square lies."""
        height, width = images.shape[2:]
        top, left = (corner * (torch.tensor([height, width]) - self.side + 1)).long().unbind(1)
        below, right = torch.arange(height) - top[:, None], torch.arange(width) - left[:, None]
        rows, columns = ((distance >= 0) & (distance < self.side) for distance in (below, right))
        mask = (rows[:, :, None] & columns[:, None])[:, None]
        return {"known": images * ~mask, "mask": mask}


def _originals(dataset: Dataset, keys: Tensor, start: int) -> Tensor:
    split = dataset.splits["held_out"]
    return split.take(torch.arange(start, start + len(keys)) % len(split))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_masks_are_drawn_anew_for_each_batch(dataset: Dataset) -> None:
    task: Task = Inpainting()
    indices = torch.zeros(40, dtype=torch.int64)
    batch = examples(dataset, indices)
    shown = [task.training(batch, indices, generator(seed)) for seed in (0, 0, 1)]
    masks = [tensor(columns["mask"]) for columns in shown]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert len(torch.unique(masks[0], dim=0)) > 5
    for condition, columns in zip(task.conditions(SPEC), zip(*(c.values() for c in shown), strict=True), strict=True):
        assert columns[0].shape == (40, *condition.shape)
        assert str(columns[0].dtype) == f"torch.{condition.dtype}"


def test_the_square_is_hidden_and_nothing_else(dataset: Dataset) -> None:
    task, keys = Inpainting(side=2), image_keys(0, 0, 30)
    asked = task.request(dataset, keys, 0)
    known, mask = tensor(asked["known"]), tensor(asked["mask"])
    assert (mask.flatten(1).sum(1) == 4).all()
    originals = dataset.splits["held_out"].take(torch.arange(30) % HELD_OUT)
    assert torch.equal(known, torch.where(mask, 0, originals))


def test_a_request_depends_on_its_number_and_key_only(dataset: Dataset) -> None:
    task, keys = Inpainting(), image_keys(3, 10, 12)
    together = task.request(dataset, keys, 10)
    for first, count in ((0, 1), (4, 5), (11, 1)):
        part = task.request(dataset, keys[first : first + count], 10 + first)
        for name, column in together.items():
            assert torch.equal(tensor(part[name]), tensor(column)[first : first + count])
    others = task.request(dataset, torch.cat([keys[:6], image_keys(4, 16, 6)]), 10)
    changed = (tensor(others["mask"]) != tensor(together["mask"])).flatten(1).any(dim=1)
    assert not changed[:6].any()
    assert changed[6:].any()


def test_pairs_are_the_originals_of_the_requests(dataset: Dataset) -> None:
    task, keys, start = Inpainting(), image_keys(0, 4, 9), 4
    asked, pairs = task.request(dataset, keys, start), task.pairs(dataset, keys, start)
    assert pairs is not None
    known, mask, right = tensor(asked["known"]), tensor(asked["mask"]), pairs.read(0, 9)
    filled = known + mask * right  # a perfect answer
    assert torch.equal(filled, right)
    shifted = known + mask * right.roll(1, 0)
    assert not torch.equal(shifted, right)
    assert task.reference(dataset) is dataset.splits["held_out"]
    assert task.baselines(dataset) == {"training images": dataset.splits["train"]}


def test_a_square_that_does_not_fit_is_said(dataset: Dataset) -> None:
    assert Inpainting(side=5).unsupported(dataset) is None
    assert "lower task.side" in (Inpainting(side=6).unsupported(dataset) or "")


# ------------------------------------------------------------------------------------------------------------- captions


@dataclass(frozen=True)
class Captioned:
    """Draw an image for each caption of the held-out images."""

    defaults: ClassVar[Mapping[str, str]] = {}

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        return (ConditionSpec("caption", ConditionKind.TEXT, (), "text"),)

    def unsupported(self, dataset: Dataset) -> str | None:
        if "caption" not in dataset.splits["train"].columns:
            return f"task 'captioned' needs captions, and dataset '{dataset.name}' has none; write metadata.jsonl"
        return None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {"caption": batch.columns["caption"]}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        captions = dataset.splits["held_out"].columns["caption"]
        return {"caption": [str(captions[i % len(captions)]) for i in range(start, start + len(keys))]}

    def reference(self, dataset: Dataset) -> ImageSet:
        return dataset.splits["held_out"]

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        return None

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        return {}


@pytest.fixture
def captioned(tmp_path: Path) -> Dataset:
    """Grey images that say how bright they are."""
    lines = []
    for value in range(0, 240, 20):
        Image.new("L", (3, 2), value).save(tmp_path / f"{value}.png")
        lines.append(json.dumps({"file_name": f"{value}.png", "caption": f"brightness {value}"}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    return load(ImagesOptions(str(tmp_path), held_out=5))


def test_captions_travel_from_files_to_training_and_requests(captioned: Dataset) -> None:
    task: Task = Captioned()
    assert task.unsupported(captioned) is None
    indices = torch.tensor([5, 1, 5])
    batch = examples(captioned, indices)
    shown = task.training(batch, indices, generator(0))
    assert shown["caption"] == [f"brightness {int(image[0, 0, 0])}" for image in batch.images]
    asked = task.request(captioned, image_keys(0, 3, 6), 3)
    images = captioned.splits["held_out"].take(torch.arange(3, 9) % 5)
    assert asked["caption"] == [f"brightness {int(image[0, 0, 0])}" for image in images]


def test_captions_stay_with_a_part_of_a_split(captioned: Dataset) -> None:
    part = captioned.splits["train"].part(2, 3)
    assert part.columns["caption"] == [f"brightness {int(image[0, 0, 0])}" for image in part.read(0, 3)]


def test_a_dataset_without_captions_is_told_what_to_do(dataset: Dataset) -> None:
    assert "write metadata.jsonl" in (Captioned().unsupported(dataset) or "")
