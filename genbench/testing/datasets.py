"""What every dataset must be, as tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.interfaces.data import Dataset, ImageSet
from genbench.registry.choice import Choice
from genbench.testing.images import check_images
from genbench.testing.suite import Suite, changed

SPLITS = ("train", "held_out")
TEXTS = ("caption", "group")
DUPLICATES = 0.1
"""Of the held-out images, at most so many may be among the training images: collections hold a few copies."""


class DatasetConformance(Suite):
    """Subclass it with the `name` that the dataset is registered by and `options` so small that it loads in a second.

    A dataset that reads files overrides `files`: it writes a small example into a folder and returns the options that
    name it; for `variant` 1, other images.
    """

    kind = "dataset"

    @classmethod
    def files(cls, folder: Path, variant: int) -> Mapping[str, Any] | None:
        """None: it reads no files."""
        return None

    @pytest.fixture
    def dataset(self, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
        """The dataset, of its first variant."""
        return self.load(tmp_path_factory.mktemp("dataset"), 0)

    @classmethod
    def load(cls, folder: Path, variant: int) -> Dataset:
        """The dataset, from files in this folder where it reads any."""
        entry = cls.entry()
        options = changed(changed(entry.options(), cls.options), cls.files(folder, variant) or {})
        dataset = Choice(entry, options).build()
        assert isinstance(dataset, Dataset), f"it gives a {type(dataset).__name__}: return a genbench.Dataset"
        return dataset

    def test_its_splits_are_images_of_its_spec(self, dataset: Dataset) -> None:
        assert set(SPLITS) <= set(dataset.splits), (
            f"there are splits {', '.join(dataset.splits)}: 'train' is what models learn from, 'held_out' what nothing"
            " has seen"
        )
        assert not dataset.spec.conditions, "spec.conditions is for the task to fill in: a dataset has columns"
        for name, images in dataset.splits.items():
            what = f"split '{name}'"
            check_images(images, what)
            assert images.shape == dataset.spec.shape, f"{what} has images of {images.shape}, spec {dataset.spec.shape}"
            assert len(images) > 1, f"{what} has one image, and a standard error needs two"
            stray = set(images.read(0, min(len(images), 64)).flatten().tolist()) - _bytes(dataset.spec.levels)
            assert not stray, (
                f"{what} has the byte {min(stray)}, which is none of spec.levels={dataset.spec.levels}: level k is"
                " stored as round(255 k / (levels - 1))"
            )

    def test_its_columns_are_the_standard_ones(self, dataset: Dataset) -> None:
        names = {name: sorted(images.columns) for name, images in dataset.splits.items()}
        assert len({*map(tuple, names.values())}) == 1, (
            f"the splits have different columns, {names}: give each the same"
        )
        for name, images in dataset.splits.items():
            for column, values in images.columns.items():
                assert isinstance(values, Tensor) != (column in TEXTS), (
                    f"column '{column}' of split '{name}' is a {type(values).__name__}: captions and groups are texts,"
                    " labels, images and masks are tensors"
                )
            if "label" in images.columns:
                labels = torch.as_tensor(images.columns["label"])
                assert labels.dtype == torch.int64, f"labels of split '{name}' are {labels.dtype}: they are int64 [N]"
                assert labels.ndim == 1, f"labels of split '{name}' have shape {list(labels.shape)}: they are int64 [N]"
                classes = len(dataset.spec.classes)
                assert bool(((labels >= 0) & (labels < classes)).all()), (
                    f"labels of split '{name}' reach from {int(labels.min())} to {int(labels.max())}, and spec.classes"
                    f" names {classes} classes, 0 to {classes - 1}"
                )

    def test_its_splits_are_disjoint(self, dataset: Dataset) -> None:
        train, held_out = (_contents(dataset.splits[name]) for name in SPLITS)
        assert dataset.splits["train"].id != dataset.splits["held_out"].id, "both splits have one id: give each its own"
        copies = sum(content in set(train) for content in held_out)
        assert copies <= DUPLICATES * len(held_out), (
            f"{copies} of {len(held_out)} held-out images are training images too: models must not learn from what is"
            " held out"
        )

    def test_its_fingerprint_is_that_of_its_content(self, dataset: Dataset, tmp_path: Path) -> None:
        assert dataset.fingerprint, "the fingerprint is empty: it names the content, such as a SHA-256 of all of it"
        folders = [tmp_path / name for name in ("again", "other")]
        for folder in folders:
            folder.mkdir()
        again = self.load(folders[0], 0)
        assert again.fingerprint == dataset.fingerprint, (
            "the same content, loaded again or from another folder, has another fingerprint: hash images, columns and"
            " spec, and neither paths nor times"
        )
        assert [again.splits[name].id for name in SPLITS] == [dataset.splits[name].id for name in SPLITS], (
            "loaded again, the splits have other ids: make them of the fingerprint and the name of the split"
        )
        if self.files(folders[1], 1) is None:
            return
        other = self.load(folders[1], 1)
        assert other.fingerprint != dataset.fingerprint, (
            "other images have the same fingerprint, so that results would be those of the old ones: hash the content"
        )

    def test_its_sources_are_there(self, dataset: Dataset) -> None:
        missing = [str(source) for source in dataset.sources if not source.exists()]
        assert not missing, f"sources names {missing[0]}, which is not there: name the files and folders that were read"


@cache
def _bytes(levels: int) -> set[int]:
    return {round(255 * level / (levels - 1)) for level in range(levels)}


def _contents(images: ImageSet) -> list[bytes]:
    return [image.numpy().tobytes() for batch in images.batches(256) for image in batch]
