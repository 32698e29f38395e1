"""MNIST from IDX files that the test writes: the right pixels, and one clear line for each way they can be wrong."""

from __future__ import annotations

import gzip
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genbench.data.errors import DataError
from genbench.data.mnist import load, read_idx
from genbench.data.options import FilesOptions
from genbench.interfaces.data import ImageSet

COUNTS = {"train": 30, "t10k": 12}


def write_idx(path: Path, array: NDArray[np.uint8], zipped: bool) -> None:
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if zipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def write_mnist(folder: Path, zipped: bool = False) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Random 6x5 images; each one's first pixel is its label."""
    random = np.random.RandomState(0)
    written = {}
    for stem, count in COUNTS.items():
        images = random.randint(0, 256, (count, 6, 5)).astype(np.uint8)
        labels = random.randint(0, 10, count).astype(np.uint8)
        images[:, 0, 0] = labels
        write_idx(folder / f"{stem}-images-idx3-ubyte", images, zipped)
        write_idx(folder / f"{stem}-labels-idx1-ubyte", labels, zipped)
        written[stem] = images, labels
    return written


def images_of(split: ImageSet) -> torch.Tensor:
    return split.read(0, len(split))


def labels_of(split: ImageSet) -> torch.Tensor:
    labels = split.columns["label"]
    assert isinstance(labels, torch.Tensor)
    return labels


def options(folder: Path, limit: int = 0) -> FilesOptions:
    return FilesOptions(str(folder), limit)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
def test_the_splits_hold_the_files_images_with_their_labels(tmp_path: Path, zipped: bool, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    written = write_mnist(tmp_path / place, zipped)
    dataset = load(options(tmp_path))
    assert dataset.name == "mnist"
    assert dataset.spec.shape == (1, 6, 5)
    assert dataset.spec.classes == tuple("0123456789")
    for name, stem in {"train": "train", "held_out": "t10k"}.items():
        images, labels = images_of(dataset.splits[name]), labels_of(dataset.splits[name])
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert torch.equal(images[:, 0, 0, 0].long(), labels)
        assert sorted(images.flatten(1).tolist()) == sorted(written[stem][0].reshape(-1, 30).tolist())
    assert sorted(path.name for path in dataset.sources) == sorted(path.name for path in (tmp_path / place).iterdir())


def test_the_order_is_shuffled_and_a_limit_keeps_its_beginning(tmp_path: Path) -> None:
    written = write_mnist(tmp_path)
    everything, some = load(options(tmp_path)), load(options(tmp_path, limit=5))
    assert not np.array_equal(images_of(everything.splits["train"])[:, 0].numpy(), written["train"][0])
    for name, split in some.splits.items():
        assert torch.equal(images_of(split), images_of(everything.splits[name])[:5])
        assert torch.equal(labels_of(split), labels_of(everything.splits[name])[:5])
    assert some.fingerprint != everything.fingerprint


def test_gzip_place_and_time_are_not_in_the_fingerprint_but_a_pixel_is(tmp_path: Path) -> None:
    prints = []
    for name, zipped in (("a", False), ("b", True)):
        (tmp_path / name).mkdir()
        write_mnist(tmp_path / name, zipped)
        prints.append(load(options(tmp_path / name)).fingerprint)
    assert prints[0] == prints[1]
    path = tmp_path / "a" / "t10k-images-idx3-ubyte"
    os.utime(path, (0, 0))
    assert load(options(tmp_path / "a")).fingerprint == prints[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert load(options(tmp_path / "a")).fingerprint != prints[0]


def test_a_root_that_is_not_named() -> None:
    with pytest.raises(DataError, match=r"dataset.root is not set: name the folder .* dataset.root=PATH"):
        load(FilesOptions())


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.root=.*nowhere does not exist .* name the folder with MNIST's"):
        load(options(tmp_path / "nowhere"))


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"dataset.root=.*file is a file: name the folder"):
        load(options(tmp_path / "file"))


def test_a_missing_file(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    message = r"looked for t10k-labels-idx1-ubyte and t10k-labels-idx1-ubyte.gz in .*MNIST"
    with pytest.raises(DataError, match=message):
        load(options(tmp_path))


def test_a_truncated_file(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=f"{re.escape(str(path))} is damaged: its header promises 900 bytes and 893"):
        load(options(tmp_path))


def test_a_truncated_gzip(tmp_path: Path) -> None:
    write_mnist(tmp_path, zipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz cannot be read \(.*\); fetch it again"):
        load(options(tmp_path))


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", bytes([0, 0, 8, 1, 0, 0, 0, 0])])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not an IDX file of bytes with 3 dimension\(s\): it begins with"):
        read_idx(path, 3)


def test_labels_of_other_images(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(29, np.uint8), zipped=False)
    with pytest.raises(DataError, match=r"30 images and train-labels-idx1-ubyte 29 labels"):
        load(options(tmp_path))


def test_a_label_of_no_class(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.full(30, 10, np.uint8), zipped=False)
    with pytest.raises(DataError, match=r"split train has labels from 10 to 10, and there are 10 classes"):
        load(options(tmp_path))


def test_splits_of_different_sizes(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((12, 4, 4), np.uint8), zipped=False)
    with pytest.raises(DataError, match=r"held_out images are 4x4 grey and train images 5x6 grey"):
        load(options(tmp_path))


def test_a_limit_that_leaves_too_few(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    with pytest.raises(DataError, match=r"split train has 1 image\(s\) and needs at least 2"):
        load(options(tmp_path, limit=1))


def test_a_negative_limit() -> None:
    with pytest.raises(ValueError, match=r"limit=-1: expected how many images"):
        FilesOptions(limit=-1)


@pytest.mark.skipif("GENBENCH_TEST_DATA" not in os.environ, reason="GENBENCH_TEST_DATA names no folder with mnist/")
def test_the_real_mnist_has_its_well_known_class_counts() -> None:
    dataset = load(options(Path(os.environ["GENBENCH_TEST_DATA"]) / "mnist"))
    counts = labels_of(dataset.splits["train"]).bincount().tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert (len(dataset.splits["held_out"]), dataset.spec.shape) == (10000, (1, 28, 28))
