"""A folder of image files as an image set: decoded as Pillow does, a batch at a time, named by content."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.measuring.folders import FolderError, FolderImages


def colour(seed: int, height: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.png, b/c.jpg and d.png, in colour, and a file that is no image."""
    root = tmp_path / "images"
    (root / "b").mkdir(parents=True)
    Image.fromarray(colour(0)).save(root / "a.png")
    Image.fromarray(colour(1)).save(root / "b" / "c.jpg", quality=90)
    Image.fromarray(colour(2)).save(root / "d.png")
    (root / "notes.txt").write_text("no image")
    return root


def test_images_are_read_in_the_order_of_their_paths(folder: Path) -> None:
    images = FolderImages(folder)
    assert (len(images), images.shape) == (3, (3, 6, 5))
    with Image.open(folder / "b" / "c.jpg") as file:
        expected = np.stack([colour(0), np.array(file), colour(2)]).transpose(0, 3, 1, 2)
    assert np.array_equal(images.read(0, 3).numpy(), expected)
    assert np.array_equal(images.take(torch.tensor([2, 0])).numpy(), expected[[2, 0]])
    part = images.part(1, 2)
    assert (part.id, part.first) == (images.id, 1)
    assert np.array_equal(part.read(1, 2).numpy(), expected[2:])


def test_only_what_is_asked_for_is_decoded(folder: Path) -> None:
    images = FolderImages(folder)
    (folder / "d.png").unlink()
    assert images.read(0, 2).shape == (2, 3, 6, 5)
    with pytest.raises(FolderError, match=r"d\.png cannot be read as an image"):
        images.read(0, 3)


def test_the_content_names_the_set_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    first = FolderImages(folder).id
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert FolderImages(copy).id == first
    Image.fromarray(colour(3)).save(copy / "d.png")
    assert FolderImages(copy).id != first


def test_grey_images_have_one_channel_and_are_repeated_among_coloured_ones(folder: Path, tmp_path: Path) -> None:
    grey = colour(4)[..., 0]
    (tmp_path / "grey").mkdir()
    Image.fromarray(grey).save(tmp_path / "grey" / "a.png")
    assert np.array_equal(FolderImages(tmp_path / "grey").read(0, 1).numpy(), grey[None, None])
    Image.fromarray(grey).save(folder / "z.png")
    assert np.array_equal(FolderImages(folder).read(3, 4).numpy(), np.repeat(grey[None, None], 3, 1))


def test_images_of_several_sizes_are_read_one_at_a_time(folder: Path) -> None:
    Image.fromarray(colour(5, 9, 4)).save(folder / "e.png")
    images = FolderImages(folder)
    assert images.shape is None
    assert [tuple(images.read(i, i + 1).shape) for i in range(4)] == [(1, 3, 6, 5)] * 3 + [(1, 3, 9, 4)]
    with pytest.raises(ValueError, match="several sizes: read them one at a time"):
        images.read(0, 4)
    assert images.part(0, 2).shape is None  # a part is seen as the whole is, so that its features are the same


def test_what_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "b" / "broken.png").write_bytes(b"no image")
    with pytest.raises(FolderError, match=r"b/broken\.png cannot be read as an image"):
        FolderImages(folder)
    (folder / "b" / "broken.png").unlink()
    Image.fromarray(np.zeros((6, 5, 4), np.uint8)).save(folder / "f.png")
    with pytest.raises(FolderError, match=r"f\.png is of Pillow's mode RGBA: convert it to 8-bit"):
        FolderImages(folder)
    with pytest.raises(FolderError, match="is no folder"):
        FolderImages(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"holds no images: put files ending in \.bmp"):
        FolderImages(tmp_path / "empty")
