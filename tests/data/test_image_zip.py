"""Zips in the layout of StyleGAN and EDM, with and without labels, and what is said of those that are wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
import torch
from PIL import Image
from torch import Tensor

from genbench.data.errors import DataError
from genbench.data.image_folder import load as load_folder
from genbench.data.image_zip import load
from genbench.data.options import ImagesOptions, ImageZipOptions
from genbench.interfaces.data import Dataset

NAMES = [f"{folder}/{i}.png" for folder in ("cat", "cat-like") for i in range(5)]
LABELS = [[name, int(i >= 5)] for i, name in enumerate(NAMES)]


def png(value: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (4, 3), value).save(content, "png")
    return content.getvalue()


def write_zip(path: Path, description: Any = None, names: list[str] = NAMES, start: int = 0) -> Path:
    """Images of the values start, start + 10, … in the order of NAMES, written in the order of `names`."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, png(start + 10 * NAMES.index(name)))
        archive.writestr("__MACOSX/cat/._0.png", b"no image")
        if description is not None:
            content = description if isinstance(description, str) else json.dumps(description)
            archive.writestr("dataset.json", content)
    return path


def options(path: Path, held_out_root: Path | str = "", held_out: float = 3) -> ImageZipOptions:
    return ImageZipOptions(str(path), held_out=held_out, held_out_root=str(held_out_root))


def values(dataset: Dataset, split: str) -> list[int]:
    return [int(value) for value in images_of(dataset, split)[:, 0, 0, 0]]


def images_of(dataset: Dataset, split: str) -> Tensor:
    return dataset.splits[split].read(0, len(dataset.splits[split]))


def labels_of(dataset: Dataset, split: str) -> list[int]:
    labels = dataset.splits[split].columns["label"]
    assert isinstance(labels, Tensor)
    assert labels.dtype == torch.int64
    return labels.tolist()


def test_labels_come_from_dataset_json(tmp_path: Path) -> None:
    dataset = load(options(write_zip(tmp_path / "pets.zip", {"labels": LABELS, "classes": ["cat", "cat-like"]})))
    assert dataset.name == "pets"
    assert dataset.spec.shape == (1, 3, 4)
    assert dataset.spec.classes == ("cat", "cat-like")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 7, "held_out": 3}
    assert sorted(values(dataset, "train") + values(dataset, "held_out")) == list(range(0, 100, 10))
    for name in dataset.splits:
        assert labels_of(dataset, name) == [int(value >= 50) for value in values(dataset, name)]


def test_classes_without_names_are_numbered(tmp_path: Path) -> None:
    assert load(options(write_zip(tmp_path / "a.zip", {"labels": LABELS}))).spec.classes == ("0", "1")


@pytest.mark.parametrize("description", [None, {}, {"labels": None}])
def test_without_labels_there_are_none(tmp_path: Path, description: Any) -> None:
    dataset = load(options(write_zip(tmp_path / "a.zip", description)))
    assert dataset.spec.classes == ()
    assert all(split.columns == {} for split in dataset.splits.values())


def test_the_same_images_in_a_folder_are_the_same_dataset(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", {"labels": LABELS, "classes": ["cat", "cat-like"]})
    with ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder", NAMES)
    in_folder = load_folder(ImagesOptions(str(tmp_path / "folder"), held_out=3))
    assert in_folder.name == "folder"
    assert in_folder.fingerprint == load(options(path)).fingerprint


def test_the_order_of_files_is_not_in_the_fingerprint_but_labels_and_pixels_are(tmp_path: Path) -> None:
    first = load(options(write_zip(tmp_path / "a.zip", {"labels": LABELS})))
    turned = write_zip(tmp_path / "b.zip", {"labels": LABELS[::-1]}, names=NAMES[::-1])
    assert load(options(turned)).fingerprint == first.fingerprint
    relabelled = [*LABELS[:-1], [NAMES[-1], 0]]
    others = [
        load(options(write_zip(tmp_path / "c.zip", {"labels": relabelled}))),
        load(options(write_zip(tmp_path / "d.zip", {"labels": LABELS}, start=1))),
    ]
    assert len({first.fingerprint, *(other.fingerprint for other in others)}) == 3


def test_a_second_zip_is_the_held_out_split(tmp_path: Path) -> None:
    train = write_zip(tmp_path / "train.zip", {"labels": LABELS})
    held_out = write_zip(tmp_path / "test.zip", {"labels": LABELS[:4]}, names=NAMES[:4], start=5)
    dataset = load(options(train, held_out))
    assert dataset.name == "train"
    assert dataset.spec.classes == ("0", "1")
    assert sorted(values(dataset, "train")) == list(range(0, 100, 10))
    assert sorted(values(dataset, "held_out")) == [5, 15, 25, 35]
    assert dataset.sources == (train, held_out)


def test_two_zips_of_different_classes(tmp_path: Path) -> None:
    train = write_zip(tmp_path / "train.zip", {"labels": LABELS})
    held_out = write_zip(tmp_path / "test.zip")
    with pytest.raises(DataError, match=r"train.zip has 2 classes \(0, 1\) and .*test.zip has 0 \(no labels\)"):
        load(options(train, held_out))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("{broken", r"a.zip/dataset.json cannot be read \(.*\); repair or remove it"),
        ([1], r"a.zip/dataset.json: expected {\"labels\": \[\[file, class\]"),
        ({"labels": [["cat/0.png", "cat"]]}, r"dataset.json: \['cat/0.png', 'cat'\] is no label: expected \[file,"),
        ({"labels": [["cat/0.png", -1]]}, r"dataset.json: \['cat/0.png', -1\] is no label"),
        ({"labels": {"cat/0.png": 1}}, r"is no label: expected \[file, class index from 0\]"),
        ({"labels": [*LABELS, ["cat/9.png", 0]]}, r"dataset.json labels cat/9.png, which is no image in the zip"),
        ({"labels": LABELS[1:]}, r"dataset.json has no label for cat/0.png \(1 of 10 images\); label all, or none"),
        ({"labels": LABELS, "classes": ["cat"]}, r"has labels from 0 to 1, and there are 1 classes"),
    ],
)
def test_labels_that_do_not_match(tmp_path: Path, description: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(options(write_zip(tmp_path / "a.zip", description), held_out=0.5))


def test_a_file_that_is_no_zip_or_half_of_one(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"a.zip cannot be read as a zip file \(.*\); fetch it again"):
        load(options(path))


def test_a_damaged_image_inside_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name in NAMES:
            archive.writestr(name, png(NAMES.index(name)))
    content = path.read_bytes()
    where = content.index(png(3)) + 40
    path.write_bytes(content[:where] + bytes([content[where] ^ 255]) + content[where + 1 :])
    with pytest.raises(DataError, match=r"a.zip/cat/3.png cannot be read as an image \(Bad CRC-32"):
        load(options(path))


def test_a_zip_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a.zip holds no images: put files ending in"):
        load(options(write_zip(tmp_path / "a.zip", names=[])))


def test_a_folder_instead_of_a_zip(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder, not a zip file: use dataset=image_folder"):
        load(options(tmp_path))


def test_roots_that_are_not_named_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.root is not set: name the zip file with the images"):
        load(ImageZipOptions())
    with pytest.raises(DataError, match=r"dataset.held_out_root=.*no.zip does not exist"):
        load(options(write_zip(tmp_path / "a.zip"), tmp_path / "no.zip"))


def test_too_few_images_for_both_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.held_out=9 of 10 images leaves 1 to train on and 9 held out"):
        load(options(write_zip(tmp_path / "a.zip"), held_out=9))
