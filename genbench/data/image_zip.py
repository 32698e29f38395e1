"""A zip of images in the layout of StyleGAN and EDM: image files, and labels in dataset.json where there are any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from genbench.data.descriptions import FILE, descriptions
from genbench.data.errors import DataError
from genbench.data.files import existing_root
from genbench.data.options import ImageZipOptions
from genbench.data.pictures import NOTHING, SUFFIXES, Picture, divide, is_picture, load_pictures, shuffle
from genbench.interfaces.data import Dataset

LABELS = "dataset.json"


class _Contents(NamedTuple):
    pictures: list[Picture]
    classes: tuple[str, ...]


def load(options: ImageZipOptions) -> Dataset:
    """The images in the zip as uint8 [N, C, H, W], all of one size, in shuffled splits "train" and "held_out".

    `dataset.json` may hold "labels": [[file, class index], …] for all images, or null, and "classes": their names.
    Without it there are no labels. `metadata.jsonl` may hold captions and groups. The dataset is named as the zip,
    without its suffix.

    Raises DataError for what is missing, empty, damaged or does not fit together.

    Source: dataset_tool.py of Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models"
    (2022).
    """
    root = existing_root(options.root, "dataset.root", "the zip file with the images")
    sources = [root]
    with ExitStack() as stack:
        contents = _contents(_opened(root, stack))
        if options.held_out_root:
            path = existing_root(
                options.held_out_root, "dataset.held_out_root", "the zip file with the held-out images"
            )
            sources.append(path)
            other = _contents(_opened(path, stack))
            contents = _Contents(contents.pictures, _common_classes(root, contents.classes, path, other.classes))
            splits = {"train": shuffle(contents.pictures, options), "held_out": shuffle(other.pictures, options)}
        else:
            splits = divide(contents.pictures, options)
        return load_pictures(root.stem, contents.classes, splits, tuple(sources))


def _opened(path: Path, stack: ExitStack) -> ZipFile:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a zip file: use dataset=image_folder")
    try:
        return stack.enter_context(ZipFile(path))
    except (BadZipFile, OSError) as error:
        raise DataError(f"{path} cannot be read as a zip file ({error}); fetch it again") from error


def _contents(archive: ZipFile) -> _Contents:
    """The archive's images, sorted by folder and name as a folder's would be."""
    names = sorted((name for name in archive.namelist() if is_picture(name)), key=lambda name: name.split("/"))
    if not names:
        raise DataError(f"{archive.filename} holds no images: put files ending in {', '.join(SUFFIXES)} into it")
    described = _described(archive)
    labels = _labels(archive, described.get("labels"), names)
    classes = described.get("classes") or [str(k) for k in range(max(labels.values(), default=-1) + 1)]
    texts = _texts(archive, names)
    pictures = [
        Picture(f"{archive.filename}/{name}", partial(archive.read, name), labels.get(name), texts.get(name, NOTHING))
        for name in names
    ]
    return _Contents(pictures, tuple(map(str, classes)) if labels else ())


def _described(archive: ZipFile) -> Mapping[str, Any]:
    if LABELS not in archive.namelist():
        return {}
    try:
        described = json.loads(archive.read(LABELS))
    except (ValueError, BadZipFile) as error:
        raise DataError(f"{archive.filename}/{LABELS} cannot be read ({error}); repair or remove it") from error
    if not isinstance(described, dict) or not isinstance(described.get("classes") or [], list):
        raise DataError(f'{archive.filename}/{LABELS}: expected {{"labels": [[file, class], …], "classes": [name, …]}}')
    return described


def _texts(archive: ZipFile, names: list[str]) -> Mapping[str, Mapping[str, str]]:
    """Captions and groups by file name; empty if there are none."""
    where = f"{archive.filename}/{FILE}"
    if FILE not in archive.namelist():
        return {}
    try:
        content = archive.read(FILE)
    except BadZipFile as error:
        raise DataError(f"{where} cannot be read ({error}); repair or remove it") from error
    return descriptions(content, where, names)


def _labels(archive: ZipFile, entries: Any, names: list[str]) -> dict[str, int]:
    """Class indices by file name; empty if there are no labels."""
    if entries is None:
        return {}
    where = f"{archive.filename}/{LABELS}"
    labels: dict[str, int] = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        match entry:
            case [str(name), int(label)] if label >= 0:
                labels[name] = label
            case _:
                raise DataError(f"{where}: {str(entry)[:80]} is no label: expected [file, class index from 0]")
    if missing := sorted(labels.keys() - set(names)):
        raise DataError(f"{where} labels {missing[0]}, which is no image in the zip; make the zip again")
    if unlabelled := [name for name in names if name not in labels]:
        raise DataError(
            f"{where} has no label for {unlabelled[0]} ({len(unlabelled)} of {len(names)} images); label all, or none"
        )
    return labels


def _common_classes(root: Path, first: tuple[str, ...], other: Path, second: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of both zips. One without names may have met fewer of them than the other."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    if longer[: len(shorter)] != shorter or bool(first) != bool(second):
        raise DataError(
            f"{root} has {len(first)} classes ({', '.join(first[:3]) or 'no labels'}) and {other} has {len(second)}"
            f" ({', '.join(second[:3]) or 'no labels'}): both zips need the same ones, or none"
        )
    return longer
