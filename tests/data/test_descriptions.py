"""Captions and groups from metadata.jsonl, and what is said of files that do not fit the images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from genbench.data.descriptions import descriptions
from genbench.data.errors import DataError
from genbench.data.image_folder import load as load_folder
from genbench.data.image_zip import load as load_zip
from genbench.data.options import ImagesOptions, ImageZipOptions
from genbench.interfaces.data import Dataset

NAMES = [f"cat/{i}.png" for i in range(4)] + [f"dog/{i}.png" for i in range(4)]
VALUES = {name: 20 * i for i, name in enumerate(NAMES)}


def entry(name: str, **changes: Any) -> dict[str, Any]:
    return {"file_name": name, "caption": f"number {VALUES[name]}", "group": name.split("/")[0], **changes}


def lines(entries: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries).encode()


def write(folder: Path, metadata: bytes | None) -> Path:
    """Grey images of the VALUES, and what is said about them."""
    for name, value in VALUES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), value).save(folder / name)
    if metadata is not None:
        (folder / "metadata.jsonl").write_bytes(metadata)
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return path


def from_folder(folder: Path) -> Dataset:
    return load_folder(ImagesOptions(str(folder), held_out=3))


def from_zip(folder: Path) -> Dataset:
    return load_zip(ImageZipOptions(str(zipped(folder)), held_out=3))


@pytest.mark.parametrize("load", [from_folder, from_zip])
def test_every_image_keeps_its_caption_and_group(tmp_path: Path, load: Callable[[Path], Dataset]) -> None:
    dataset = load(write(tmp_path / "pets", lines([entry(name) for name in reversed(NAMES)]) + b"\n\n"))
    for split in dataset.splits.values():
        values = [int(image[0, 0, 0]) for image in split.read(0, len(split))]
        assert split.columns["caption"] == [f"number {value}" for value in values]
        assert split.columns["group"] == ["cat" if value < 80 else "dog" for value in values]
    assert sum(len(split) for split in dataset.splits.values()) == 8


def test_folder_and_zip_are_one_dataset_and_another_caption_is_another(tmp_path: Path) -> None:
    plain = from_folder(write(tmp_path / "plain", None))
    folder = write(tmp_path / "pets", lines([entry(name) for name in NAMES]))
    changed = write(tmp_path / "changed", lines([entry(NAMES[0], caption="other"), *map(entry, NAMES[1:])]))
    labelled = {"labels": [[name, int(name > "d")] for name in NAMES], "classes": ["cat", "dog"]}
    (folder / "dataset.json").write_text(json.dumps(labelled))
    prints = [from_folder(folder).fingerprint, from_zip(folder).fingerprint, from_folder(changed).fingerprint]
    assert prints[0] == prints[1]
    assert len({*prints, plain.fingerprint}) == 3


def test_splits_that_exist_have_a_file_each(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, lines([entry(name, caption=split) for name in NAMES]))
    dataset = from_folder(tmp_path)
    assert dataset.splits["train"].columns["caption"] == ["train"] * 8
    assert dataset.splits["held_out"].columns["caption"] == ["test"] * 8
    (tmp_path / "test" / "metadata.jsonl").unlink()
    with pytest.raises(
        DataError, match=r"held_out images have labels and train images captions and groups and labels; both splits"
    ):
        from_folder(tmp_path)


def test_one_file_for_both_splits_is_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, None)
    (tmp_path / "metadata.jsonl").write_bytes(lines([entry(name) for name in NAMES]))
    with pytest.raises(DataError, match=r"metadata.jsonl stands beside train/: put one into train/ and one into test"):
        from_folder(tmp_path)


def test_either_text_may_be_left_out_and_other_keys_stand_beside() -> None:
    found = descriptions(lines([{"file_name": "a.png", "caption": "ä", "width": 3}]), "m", ["a.png"])
    assert found == {"a.png": {"caption": "ä"}}
    assert descriptions(lines([{"file_name": "a.png", "group": "g"}]), "m", ["a.png"]) == {"a.png": {"group": "g"}}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(NAMES[0])], r"metadata.jsonl does not describe cat/1.png \(7 of 8 images\); describe all"),
        ([], r"metadata.jsonl does not describe cat/0.png \(8 of 8 images\)"),
        ([entry(NAMES[0], file_name="cat/9.png")], r"metadata.jsonl describes cat/9.png, which is no image beside it"),
        ([entry(NAMES[0]), entry(NAMES[0])], r"metadata.jsonl, line 2: cat/0.png is described twice"),
        ([entry(NAMES[0], caption=3)], r"line 1 is {.*\"caption\": 3.*}; expected {\"file_name\": \"…\", \"caption\""),
        ([{"file_name": NAMES[0], "text": "a cat"}], r"line 1 is {.*\"text\": \"a cat\"}; expected {\"file_name\""),
        ([{"caption": "a cat"}], r"line 1 is {\"caption\": \"a cat\"}; expected {\"file_name\""),
        (
            [*map(entry, NAMES[1:]), {"file_name": NAMES[0], "caption": "alone"}],
            r"gives cat/0.png a caption and cat/1.png a caption and a group; give all images the same",
        ),
    ],
)
@pytest.mark.parametrize("load", [from_folder, from_zip])
def test_what_does_not_fit(
    tmp_path: Path, load: Callable[[Path], Dataset], entries: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(write(tmp_path / "pets", lines(entries)))


@pytest.mark.parametrize(("line", "said"), [(b"{broken", "line 2 cannot be read"), (b"[1]", r"line 2 is \[1\]; expe")])
def test_a_line_that_is_no_object(line: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"meta, {said}"):
        descriptions(lines([{"file_name": "a.png", "caption": "a"}]) + b"\n" + line, "meta", ["a.png"])
