"""The suites for datasets and tasks say what is wrong with bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from genbench import ArrayImages, Column, ConditionKind, ConditionSpec, Dataset, DataSpec, Examples, ImageSet, NoOptions
from genbench.drawing.noise import uniform
from genbench.testing import CAPTIONED, COLOUR, GREY, LABELLED, DatasetConformance, TaskConformance
from genbench.testing.images import check_images
from genbench.testing.made_up import ShowsColumns, made_up


def call(suite: Any, test: str, advice: str, *arguments: object) -> None:
    """The one test whose name holds `test` fails with this advice."""
    (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
    with pytest.raises((AssertionError, pytest.fail.Exception), match=advice):
        getattr(suite, name)(*arguments)


# ----------------------------------------------------------------------------------------------------------- datasets


def good(options: NoOptions) -> Dataset:
    return made_up(GREY)


def with_splits(**splits: Callable[[Dataset], ImageSet]) -> Callable[[NoOptions], Dataset]:
    """The good dataset with some of its splits replaced."""

    def load(options: NoOptions) -> Dataset:
        dataset = good(options)
        return replace(dataset, splits={**dataset.splits, **{name: make(dataset) for name, make in splits.items()}})

    return load


def with_labels(labels: Tensor) -> Callable[[NoOptions], Dataset]:
    def split(dataset: Dataset) -> ImageSet:
        train = dataset.splits["train"]
        return ArrayImages(train.id, train.read(0, len(train)), {**train.columns, "label": labels})

    return with_splits(train=split)


def of_the_training_images(dataset: Dataset) -> ImageSet:
    return replaced(dataset.splits["train"], "other").part(0, 24)


def replaced(images: ImageSet, id: str) -> ImageSet:
    return ArrayImages(id, images.read(0, len(images)), images.columns)


LOADED = iter(range(100))


def never_the_same(options: NoOptions) -> Dataset:
    return replace(good(options), fingerprint=str(next(LOADED)))


@pytest.mark.parametrize(
    ("load", "test", "advice"),
    [
        (lambda o: None, "", "return a genbench.Dataset"),
        (lambda o: replace(good(o), splits={"all": good(o).splits["train"]}), "images_of_its_spec", "'held_out' what"),
        (
            lambda o: replace(good(o), spec=COLOUR),
            "images_of_its_spec",
            r"images of \(1, 8, 8\), spec \(3, 8, 12\)",
        ),
        (lambda o: replace(good(o), spec=LABELLED), "images_of_its_spec", "for the task to fill in"),
        (lambda o: replace(good(o), spec=replace(GREY, levels=5)), "images_of_its_spec", "none of spec.levels=5"),
        (with_splits(train=lambda d: d.splits["train"].part(0, 1)), "images_of_its_spec", "a standard error needs two"),
        (with_labels(torch.full((48,), 2)), "standard_ones", "spec.classes names 2 classes, 0 to 1"),
        (with_labels(torch.zeros(48)), "standard_ones", "they are int64"),
        (with_splits(held_out=of_the_training_images), "disjoint", "24 of 24 held-out images are training images"),
        (with_splits(held_out=lambda d: d.splits["train"]), "disjoint", "both splits have one id"),
    ],
)
def test_a_bad_dataset_is_found(
    load: Callable[[NoOptions], Any], test: str, advice: str, suite_for: Callable[..., Any], tmp_path: Path
) -> None:
    suite = suite_for(DatasetConformance, load)
    if not test:
        with pytest.raises(AssertionError, match=advice):
            suite.load(tmp_path, 0)
    else:
        call(suite, test, advice, suite.load(tmp_path, 0))


def test_a_bad_fingerprint_is_found(suite_for: Callable[..., Any], tmp_path: Path) -> None:
    suite = suite_for(DatasetConformance, never_the_same)
    call(suite, "fingerprint", "neither paths nor times", suite.load(tmp_path, 0), tmp_path)


def test_content_that_the_fingerprint_does_not_see_is_found(suite_for: Callable[..., Any], tmp_path: Path) -> None:
    files = staticmethod(lambda folder, variant: {})
    suite = suite_for(DatasetConformance, good, files=files)
    call(suite, "fingerprint", "hash the content", suite.load(tmp_path, 0), tmp_path)


def test_sources_that_are_not_there_are_found(suite_for: Callable[..., Any], tmp_path: Path) -> None:
    suite = suite_for(DatasetConformance, lambda o: replace(good(o), sources=(tmp_path / "nothing",)))
    call(suite, "sources", "which is not there", suite.load(tmp_path, 0))


# --------------------------------------------------------------------------------------------------------- image sets


class Shared(ArrayImages):
    """Gives its own memory away."""

    def read(self, start: int, stop: int) -> Tensor:
        images: Tensor = self.array[self.first + start : self.first + stop]
        return images


class Shuffled(ArrayImages):
    def take(self, indices: Tensor) -> Tensor:
        return super().take(indices.flip(0).roll(1))


class Renumbered(ArrayImages):
    def part(self, first: int, count: int) -> ArrayImages:
        return ArrayImages(f"{self.id}-part", self.array[first : first + count])


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        (Shared, "memory that changing a batch changes"),
        (Shuffled, "gives other images than read"),
        (Renumbered, "a part keeps the id of the whole"),
    ],
)
def test_a_bad_image_set_is_found(images: type[ArrayImages], advice: str) -> None:
    train = made_up(GREY).splits["train"]
    with pytest.raises(AssertionError, match=advice):
        check_images(images("images", train.read(0, 12)), "the set")


# -------------------------------------------------------------------------------------------------------------- tasks


@dataclass(frozen=True)
class Captions(ShowsColumns):
    shown: ClassVar[tuple[ConditionSpec, ...]] = CAPTIONED.conditions  # type: ignore[misc]


@dataclass(frozen=True)
class Known(ShowsColumns):
    """Shows an image of which a random half is hidden, and knows the whole."""

    shown: ClassVar[tuple[ConditionSpec, ...]] = ()  # type: ignore[misc]

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        return (ConditionSpec("known", ConditionKind.IMAGE, data.shape, "uint8"),)

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {"known": batch.images * (torch.rand(batch.images.shape, generator=generator) < 0.5)}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        pairs = self.pairs(dataset, keys, start)
        assert pairs is not None
        return {"known": pairs.read(0, len(keys)) * (uniform(keys, 0, dataset.spec.shape) < 0.5)}

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        held_out = dataset.splits["held_out"]
        return ArrayImages(f"pairs-{start}", held_out.take(torch.arange(start, start + len(keys)) % len(held_out)))


@pytest.mark.parametrize("task", [ShowsColumns, Captions, Known])
def test_good_tasks_pass(task: type, suite_for: Callable[..., Any]) -> None:
    suite = suite_for(TaskConformance, task)
    for test in ("training_conditions", "requests_are", "a_request_depends", "pairs_are", "compared_with", "brings"):
        (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
        getattr(suite, name)()


class Position(Known):
    """What is hidden depends on the place in the batch."""

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        return super().request(dataset, torch.arange(len(keys)), start)


class Neighbours(Known):
    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        return super().request(dataset, keys + keys.max(), start)


class Random(Known):
    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {"known": batch.images * (torch.rand(batch.images.shape) < 0.5)}


class InFloats(Known):
    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        return {"known": torch.as_tensor(super().request(dataset, keys, start)["known"]) / 255}


class Forgets(Known):
    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {}


class Shifted(Known):
    """The pairs of a part are not those of the whole."""

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        return super().pairs(dataset, keys, start + len(keys))


class TooFew(Known):
    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        return super().pairs(dataset, keys[1:], start)


class Alone(Known):
    def reference(self, dataset: Dataset) -> ImageSet:
        return dataset.splits["train"].part(0, 1)


class TakesARow(Known):
    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        return {"held_out": dataset.splits["held_out"]}


class BringsUnknown(Known):
    defaults: ClassVar[Mapping[str, str]] = {"metrics": "a_metric_that_nobody_knows"}


class Refuses(Known):
    def unsupported(self, dataset: Dataset) -> str | None:
        return "nothing will do for it"


@pytest.mark.parametrize(
    ("task", "test", "advice"),
    [
        (Position, "a_request_depends", "depends on which batch it is in"),
        (Neighbours, "a_request_depends", "depends on the keys of others"),
        (Random, "training_conditions", "something else than the generator"),
        (InFloats, "requests_are", r"announced as uint8 \[1, 8, 8\] and request\(\) gives torch\.float32"),
        (Forgets, "training_conditions", "gives no 'known', which conditions"),
        (Shifted, "pairs_are", "the pair of request 10 depends on which batch"),
        (TooFew, "pairs_are", "11 images for 12 requests"),
        (Alone, "compared_with", r"reference\(\) is one image"),
        (TakesARow, "compared_with", "choose another name"),
        (BringsUnknown, "brings", "defaults brings metrics=a_metric_that_nobody_knows: unknown metrics"),
        (Refuses, "serves_some_data", "refuses all data of this suite"),
    ],
)
def test_a_bad_task_is_found(task: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(TaskConformance, task), test, advice)
