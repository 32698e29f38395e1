"""CIFAR-10 from batches that the test pickles, in both of Python's ways; no code in a pickle ever runs."""

from __future__ import annotations

import pickle
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genbench.data.cifar10 import load, read_batch
from genbench.data.errors import DataError
from genbench.data.options import FilesOptions
from genbench.interfaces.data import ImageSet

BATCHES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
PER_BATCH = 4


def batch(seed: int) -> tuple[NDArray[np.uint8], list[int]]:
    random = np.random.RandomState(seed)
    return random.randint(0, 256, (PER_BATCH, 3072)).astype(np.uint8), random.randint(0, 10, PER_BATCH).tolist()


def python2_pickle(pixels: NDArray[np.uint8], labels: list[int]) -> bytes:
    """What Python 2 and the NumPy of 2009 wrote: protocol 2, byte strings (opcodes U and T), old module names."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN" + number(-1) * 2
    dtype += b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01" + number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86" + dtype
    array += b"\x89" + text(pixels.tobytes()) + b"tb"
    listed = b"](" + b"".join(number(label) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + listed + b"u."


def python3_pickle(pixels: NDArray[np.uint8], labels: list[int], protocol: int = 4) -> bytes:
    return pickle.dumps({"data": pixels, "labels": labels}, protocol=protocol)


def write_cifar10(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(BATCHES):
        (folder / name).write_bytes(python2_pickle(*batch(seed)))


def content(split: ImageSet) -> list[list[int]]:
    images, labels = split.read(0, len(split)), split.columns["label"]
    assert isinstance(labels, torch.Tensor)
    return sorted(torch.cat([labels[:, None], images.flatten(1).long()], 1).tolist())


@pytest.mark.parametrize("place", ["cifar-10-batches-py", "."])
def test_the_splits_hold_the_batches_images_with_their_labels(tmp_path: Path, place: str) -> None:
    write_cifar10(tmp_path / place)
    dataset = load(FilesOptions(str(tmp_path)))
    assert dataset.name == "cifar10"
    assert dataset.spec.shape == (3, 32, 32)
    assert dataset.spec.classes[3] == "cat"
    assert [path.resolve() for path in dataset.sources] == [(tmp_path / place / name).resolve() for name in BATCHES]
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 20, "held_out": 4}
    for name, seeds in {"train": range(5), "held_out": [5]}.items():
        expected = [[label, *row] for seed in seeds for row, label in zip(*batch(seed), strict=True)]
        assert content(dataset.splits[name]) == sorted([int(value) for value in row] for row in expected)


def test_the_handmade_pickle_is_one_that_pickle_itself_reads() -> None:
    pixels, labels = batch(0)
    loaded = pickle.loads(python2_pickle(pixels, labels), encoding="latin1")
    assert np.array_equal(loaded["data"], pixels)
    assert loaded["labels"] == labels


@pytest.mark.parametrize("protocol", [2, 4])
def test_batches_written_by_python_3_are_read_too(tmp_path: Path, protocol: int) -> None:
    pixels, labels = batch(0)
    path = tmp_path / "batch"
    path.write_bytes(python3_pickle(pixels, labels, protocol))
    images, found = read_batch(path)
    assert np.array_equal(images.reshape(-1, 3072), pixels)
    assert found.tolist() == labels
    # Planes of red, green and blue, each in reading order.
    assert images[1, 2, 3, 4] == pixels[1, 2 * 1024 + 3 * 32 + 4]


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_code_in_a_pickle_is_named_and_never_runs(tmp_path: Path) -> None:
    proof, path = tmp_path / "proof", tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": Bomb(proof), "labels": []}))
    with pytest.raises(DataError, match=r"batch is not a batch of CIFAR-10.*it asks for .*, which no batch needs"):
        read_batch(path)
    assert not proof.exists()


@pytest.mark.parametrize("value", [eval, print, np.load, np.float64(1.0), np.zeros(2, object), {1}.__class__])
def test_nothing_but_arrays_of_bytes_can_be_named(tmp_path: Path, value: object) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": value, "labels": []}))
    with pytest.raises(DataError, match=r"UnpicklingError: it (asks for|holds an array of)"):
        read_batch(path)


def test_a_missing_batch(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-py")
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(DataError, match=r"data_batch_3 is missing under dataset.root: looked for data_batch_3 in"):
        load(FilesOptions(str(tmp_path)))


def test_a_root_that_is_not_named() -> None:
    with pytest.raises(DataError, match=r"dataset.root is not set: name the folder with cifar-10-batches-py"):
        load(FilesOptions())


@pytest.mark.parametrize("damage", [lambda whole: whole[:-900], lambda whole: b"", lambda whole: b"<html>404</html>"])
def test_a_damaged_batch(tmp_path: Path, damage: Any) -> None:
    write_cifar10(tmp_path)
    path = tmp_path / "data_batch_2"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"{re.escape(str(path))} is not a batch of CIFAR-10 or is damaged"):
        load(FilesOptions(str(tmp_path)))


def test_labels_of_other_images(tmp_path: Path) -> None:
    pixels, labels = batch(0)
    path = tmp_path / "batch"
    path.write_bytes(python3_pickle(pixels, labels[1:]))
    with pytest.raises(DataError, match=r"holds 4 images of uint8, labels of int64 and shape \(3,\)"):
        read_batch(path)


def test_one_pixel_of_one_batch_changes_the_fingerprint(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    before = load(FilesOptions(str(tmp_path))).fingerprint
    pixels, labels = batch(0)
    (tmp_path / "data_batch_1").write_bytes(python3_pickle(pixels, labels))
    assert load(FilesOptions(str(tmp_path))).fingerprint == before
    pixels[0, 0] ^= 1
    (tmp_path / "data_batch_1").write_bytes(python3_pickle(pixels, labels))
    assert load(FilesOptions(str(tmp_path))).fingerprint != before
