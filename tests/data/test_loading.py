"""A dataset is loaded once while nothing about its files changes, and again as soon as something does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genbench.data import image_folder, loading
from genbench.data.errors import DataError
from genbench.data.loading import load, stamp
from genbench.data.options import ImagesOptions
from genbench.data.splits import Split, dataset_of
from genbench.interfaces.data import Dataset, DataSpec
from genbench.registry.choice import Choice
from genbench.registry.entries import Entry

LOADED: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_last", None)
    LOADED.clear()


@dataclass
class Options:
    """Options that can be changed in place, as those of a plugin may be."""

    value: int = 0


def made_up(options: Options) -> Dataset:
    LOADED.append(f"made up {options.value}")
    assert loading._last is None  # the images of the last one are let go first
    images = np.full((4, 1, 2, 2), options.value, np.uint8)
    return dataset_of("made_up", DataSpec(1, 2, 2), {"train": Split(images, {}), "held_out": Split(images, {})}, "x")


def folder(options: ImagesOptions) -> Dataset:
    LOADED.append("folder")
    return image_folder.load(options)


def choice(target: Any, options: Any) -> Choice:
    return Choice(Entry("dataset", "test", "a test", target, type(options), "genbench"), options)


def write(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 2), value).save(path)


@pytest.fixture
def images(tmp_path: Path) -> Choice:
    for i in range(8):
        write(tmp_path / ("cat" if i < 4 else "dog") / f"{i}.png", 10 * i)
    return choice(folder, ImagesOptions(str(tmp_path), held_out=2))


def later(path: Path, nanoseconds: int = 10**6) -> None:
    """As if the file had been written a moment later."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + nanoseconds))


def test_unchanged_files_are_not_read_again(images: Choice) -> None:
    first = load(images)
    assert load(Choice(images.entry, ImagesOptions(images.options.root, held_out=2))) is first
    assert LOADED == ["folder"]


def test_an_edited_image_is_seen_in_the_same_process(images: Choice, tmp_path: Path) -> None:
    first = load(images)
    path = tmp_path / "cat" / "1.png"
    size = path.stat().st_size
    write(path, 15)
    later(path)
    assert path.stat().st_size == size
    second = load(images)
    assert second.fingerprint != first.fingerprint
    values = {int(value) for split in second.splits.values() for value in split.read(0, len(split))[:, 0, 0, 0]}
    assert 15 in values
    assert 10 not in values


def test_a_file_more_or_less_or_a_new_class_is_seen(images: Choice, tmp_path: Path) -> None:
    prints = [load(images).fingerprint]
    write(tmp_path / "cat" / "new.png", 3)
    prints.append(load(images).fingerprint)
    (tmp_path / "dog" / "7.png").unlink()
    prints.append(load(images).fingerprint)
    write(tmp_path / "emu" / "0.png", 4)
    prints.append(load(images).fingerprint)
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "cat/0.png", "caption": "a cat"}')
    with pytest.raises(DataError, match="does not describe"):
        load(images)
    (tmp_path / "metadata.jsonl").unlink()
    assert load(images).fingerprint == prints[-1]
    assert len(set(prints)) == 4


def test_another_time_alone_is_read_again_and_is_the_same_dataset(images: Choice, tmp_path: Path) -> None:
    first = load(images)
    later(tmp_path / "dog" / "5.png")
    assert load(images).fingerprint == first.fingerprint
    assert LOADED == ["folder", "folder"]


def test_other_options_another_source_and_options_changed_in_place_are_other_data(images: Choice) -> None:
    options = Options()
    first = load(choice(made_up, options))
    assert load(choice(made_up, Options())) is first
    options.value = 1
    assert load(choice(made_up, options)).fingerprint != first.fingerprint
    load(images)
    load(choice(made_up, options))
    assert LOADED == ["made up 0", "made up 1", "folder", "made up 1"]


def test_only_the_last_one_is_kept(images: Choice) -> None:
    first = load(images)
    load(choice(made_up, Options()))
    assert load(images) is not first


def test_the_stamp_knows_paths_sizes_and_times(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"12")
    stamps = [stamp([one])]
    assert stamp([one]) == stamps[0]
    later(one)
    stamps.append(stamp([one]))
    time = one.stat().st_mtime_ns
    one.write_bytes(b"123")
    os.utime(one, ns=(time, time))
    stamps.append(stamp([one]))
    one.rename(other)
    stamps += [stamp([one]), stamp([other]), stamp([other, one]), stamp([tmp_path])]
    (tmp_path / "folder").mkdir()
    stamps.append(stamp([tmp_path]))
    assert len(set(stamps)) == len(stamps)
    (tmp_path / "folder" / "inside").touch()
    assert stamp([tmp_path]) == stamps[-1]  # a folder stands for what lies directly in it
