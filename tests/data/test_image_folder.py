"""Folders of images: classes, splits, pixels, and one clear line for each way they can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from genbench.data.errors import DataError
from genbench.data.image_folder import load
from genbench.data.options import ImagesOptions
from genbench.interfaces.data import Dataset


def write(path: Path, value: int, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> None:
    """One PNG, all of whose pixels have this value (in RGB: value, value + 1, value + 2)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("1", "L", "P", "I;16") else tuple(value + k for k in range(len(mode)))
    Image.new(mode, size, colour).save(path)


def write_flat(folder: Path, count: int = 10, start: int = 0) -> None:
    for i in range(count):
        write(folder / f"{i:02}.png", start + 10 * i)


def write_classes(folder: Path, start: int = 0) -> None:
    """Five cats, with values from `start`; then five dogs."""
    write_flat(folder / "cat", 5, start)
    write_flat(folder / "dog", 5, start + 100)


def options(folder: Path, held_out: float = 3, split_seed: int = 0, limit: int = 0) -> ImagesOptions:
    return ImagesOptions(str(folder), limit, held_out, split_seed)


def values(dataset: Dataset, split: str) -> list[int]:
    return [int(value) for value in images_of(dataset, split)[:, 0, 0, 0]]


def images_of(dataset: Dataset, split: str) -> Tensor:
    return dataset.splits[split].read(0, len(dataset.splits[split]))


def labels_of(dataset: Dataset, split: str) -> list[int]:
    labels = dataset.splits[split].columns["label"]
    assert isinstance(labels, Tensor)
    assert labels.dtype == torch.int64
    return labels.tolist()


def test_a_flat_folder_is_cut_into_two_splits_without_labels(tmp_path: Path) -> None:
    write_flat(tmp_path / "photos")
    (tmp_path / "photos" / "README.txt").write_text("no image")
    (tmp_path / "photos" / ".hidden.png").write_text("no image")
    dataset = load(options(tmp_path / "photos"))
    assert dataset.name == "photos"
    assert dataset.spec.shape == (3, 3, 4)
    assert dataset.spec.classes == ()
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 7, "held_out": 3}
    assert sorted(values(dataset, "train") + values(dataset, "held_out")) == list(range(0, 100, 10))
    for name, split in dataset.splits.items():
        images = images_of(dataset, name)
        assert split.columns == {}
        assert images.dtype == torch.uint8
        assert (images[:, 2] - images[:, 0] == 2).all()


def test_class_folders_give_labels(tmp_path: Path) -> None:
    write_classes(tmp_path)
    dataset = load(options(tmp_path))
    assert dataset.spec.classes == ("cat", "dog")
    for name in dataset.splits:
        assert labels_of(dataset, name) == [int(value >= 100) for value in values(dataset, name)]


def test_the_sources_are_the_folders_that_were_read(tmp_path: Path) -> None:
    write_classes(tmp_path / "a")
    assert load(options(tmp_path / "a")).sources == tuple(tmp_path / "a" / name for name in ("", "cat", "dog"))
    write_flat(tmp_path / "b" / "train")
    write_flat(tmp_path / "b" / "val")
    assert load(options(tmp_path / "b")).sources == tuple(tmp_path / "b" / name for name in ("", "train", "val"))


@pytest.mark.parametrize("held_out_folder", ["held_out", "test", "val"])
@pytest.mark.parametrize("classes", [False, True])
def test_splits_that_exist_are_kept(tmp_path: Path, held_out_folder: str, classes: bool) -> None:
    make = write_classes if classes else write_flat
    make(tmp_path / "train", start=0)
    make(tmp_path / held_out_folder, start=5)
    dataset = load(options(tmp_path))
    assert dataset.spec.classes == (("cat", "dog") if classes else ())
    assert {value % 10 for value in values(dataset, "train")} == {0}
    assert {value % 10 for value in values(dataset, "held_out")} == {5}
    assert [len(split) for split in dataset.splits.values()] == [10, 10]
    assert values(dataset, "train") != sorted(values(dataset, "train"))


def test_the_split_seed_chooses_who_is_held_out_and_changes_the_fingerprint(tmp_path: Path) -> None:
    write_flat(tmp_path)
    first, again, other = (load(options(tmp_path, split_seed=seed)) for seed in (0, 0, 1))
    assert values(first, "held_out") == values(again, "held_out")
    assert first.fingerprint == again.fingerprint
    assert set(values(first, "held_out")) != set(values(other, "held_out"))
    assert first.fingerprint != other.fingerprint


def test_held_out_is_a_number_or_a_fraction(tmp_path: Path) -> None:
    write_flat(tmp_path)
    assert load(options(tmp_path, held_out=4)).fingerprint == load(options(tmp_path, held_out=0.4)).fingerprint


def test_a_limit_never_moves_an_image_between_splits(tmp_path: Path) -> None:
    write_flat(tmp_path)
    everything, some = load(options(tmp_path)), load(options(tmp_path, limit=2))
    for split in ("train", "held_out"):
        assert values(some, split) == values(everything, split)[:2]


def test_the_fingerprint_is_of_content_not_of_name_place_time_or_order_of_writing(tmp_path: Path) -> None:
    write_classes(tmp_path / "a")
    for path in sorted((tmp_path / "a").rglob("*.png"), reverse=True):
        copy = tmp_path / "b" / path.relative_to(tmp_path / "a")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (0, 0))
    before = load(options(tmp_path / "a")).fingerprint
    assert load(options(tmp_path / "b")).fingerprint == before
    write(tmp_path / "b" / "cat" / "00.png", 1)
    assert load(options(tmp_path / "b")).fingerprint != before


def test_a_renamed_class_is_another_dataset(tmp_path: Path) -> None:
    write_classes(tmp_path)
    before = load(options(tmp_path)).fingerprint
    (tmp_path / "cat").rename(tmp_path / "bat")
    assert load(options(tmp_path)).fingerprint != before


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3)])
def test_grey_images_have_one_channel_and_coloured_ones_three(tmp_path: Path, mode: str, channels: int) -> None:
    for i in range(6):
        write(tmp_path / f"{i}.png", i % 2, mode=mode)
    assert load(options(tmp_path)).spec.channels == channels


@pytest.mark.parametrize(("mode", "said"), [("RGBA", "mode RGBA"), ("LA", "mode LA"), ("I;16", "mode I;16")])
def test_transparent_and_deep_images_are_refused(tmp_path: Path, mode: str, said: str) -> None:
    for i in range(6):
        write(tmp_path / f"{i}.png", 10 * i, mode=mode)
    with pytest.raises(DataError, match=rf"\d.png is of Pillow's {said}: convert it to 8-bit grey or RGB"):
        load(options(tmp_path))


def test_images_of_two_sizes_are_both_named(tmp_path: Path) -> None:
    write_flat(tmp_path)
    write(tmp_path / "odd.png", 7, size=(8, 6))
    one, other = r"/\d\d.png is 4x3", r"odd.png is 8x6"
    with pytest.raises(DataError, match=rf"{one} and .*{other} pixels: all images|{other} and .*{one} pixels: all"):
        load(options(tmp_path))


def test_sizes_must_agree_between_splits_too(tmp_path: Path) -> None:
    write_flat(tmp_path / "train")
    write(tmp_path / "test" / "a.png", 0, size=(8, 6))
    write(tmp_path / "test" / "b.png", 0, size=(8, 6))
    with pytest.raises(DataError, match=r"train/\d\d.png is 4x3 and .*test/[ab].png is 8x6 pixels"):
        load(options(tmp_path))


def test_grey_among_colours_is_named(tmp_path: Path) -> None:
    write_flat(tmp_path / "train")
    write_flat(tmp_path / "test")
    write(tmp_path / "test" / "grey.png", 7, mode="L")
    with pytest.raises(DataError, match=r"\d\d.png is RGB and .*grey.png is grey: convert them to one of the two"):
        load(options(tmp_path))


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_damaged_image_is_named(tmp_path: Path, keep: int) -> None:
    write_flat(tmp_path)
    image = np.random.RandomState(0).randint(0, 256, (3, 4, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "broken.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "broken.png").read_bytes()[:keep])
    with pytest.raises(DataError, match=r"broken.png cannot be read as an image \(.*\); repair or remove it"):
        load(options(tmp_path))


def test_a_truncated_jpeg_is_named(tmp_path: Path) -> None:
    write_flat(tmp_path)
    image = np.random.RandomState(0).randint(0, 256, (3, 4, 3)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "broken.jpg")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "broken.jpg").read_bytes()[:-20])
    with pytest.raises(DataError, match=r"broken.jpg cannot be read as an image"):
        load(options(tmp_path))


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images: put files ending in .bmp, .jpeg"):
        load(options(tmp_path))


def test_an_empty_class(tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "emu").mkdir()
    with pytest.raises(DataError, match=r"emu holds no images: .* or remove the folder"):
        load(options(tmp_path))


def test_images_beside_class_folders(tmp_path: Path) -> None:
    write_classes(tmp_path)
    write(tmp_path / "preview.png", 0)
    with pytest.raises(DataError, match=r"holds both images \(.*preview.png\) and class folders \(cat, dog\)"):
        load(options(tmp_path))


def test_splits_with_different_classes(tmp_path: Path) -> None:
    write_classes(tmp_path / "train")
    write_flat(tmp_path / "test" / "cat")
    with pytest.raises(DataError, match=r"train has the class folders cat, dog and .*test has cat: both splits need"):
        load(options(tmp_path))


@pytest.mark.parametrize("held_out", [1, 9, 12, 0.1])
def test_too_few_images_for_both_splits(tmp_path: Path, held_out: float) -> None:
    write_flat(tmp_path)
    with pytest.raises(
        DataError, match=rf"dataset.held_out={held_out} of 10 images leaves \d to train on and \d+ held"
    ):
        load(options(tmp_path, held_out=held_out))


def test_a_root_that_is_not_named_or_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.root is not set: name the folder with the images"):
        load(ImagesOptions())
    (tmp_path / "images.zip").touch()
    with pytest.raises(DataError, match=r"images.zip is a file: .*dataset=image_zip"):
        load(options(tmp_path / "images.zip"))


@pytest.mark.parametrize("held_out", [0, -1, 2.5, float("nan"), float("inf")])
def test_impossible_held_out_values(held_out: float) -> None:
    with pytest.raises(ValueError, match=r"held_out=.*: expected a fraction between 0 and 1, or a number"):
        ImagesOptions(held_out=held_out)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_impossible_split_seeds(seed: int) -> None:
    with pytest.raises(ValueError, match=r"split_seed=.*: expected a number from 0"):
        ImagesOptions(split_seed=seed)
