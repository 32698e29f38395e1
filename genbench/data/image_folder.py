"""A folder of images: a folder for each class, or all in one; train/ and held_out/ (or test/, val/) inside, or not."""

from __future__ import annotations

from pathlib import Path

from genbench.data.descriptions import FILE, descriptions
from genbench.data.errors import DataError
from genbench.data.files import existing_folder
from genbench.data.options import ImagesOptions
from genbench.data.pictures import SUFFIXES, Picture, divide, is_picture, load_pictures, shuffle
from genbench.interfaces.data import Dataset

HELD_OUT_FOLDERS = ("held_out", "test", "val")
"""The first that exists beside train/ is the held-out split."""


def load(options: ImagesOptions) -> Dataset:
    """The images under the root as uint8 [N, C, H, W], all of one size, in shuffled splits "train" and "held_out".

    With labels if they lie in folders, whose sorted names are the classes; folders inside those are not searched. With
    captions and groups if there is a metadata.jsonl beside the images or class folders. The dataset is named as its
    folder.

    Raises DataError for what is missing, empty, damaged or does not fit together.
    """
    what = "the folder with the images (for a zip file use dataset=image_zip)"
    root = existing_folder(options.root, "dataset.root", what).resolve()
    explicit = next((root / name for name in HELD_OUT_FOLDERS if (root / name).is_dir()), None)
    if explicit and (root / "train").is_dir():
        folders = {"train": root / "train", "held_out": explicit}
        if (root / FILE).exists():
            raise DataError(f"{root / FILE} stands beside train/: put one into train/ and one into {explicit.name}/")
        classes = _classes(folders["train"])
        if (other := _classes(explicit)) != classes:
            raise DataError(
                f"{folders['train']} has the class folders {_names(classes)} and {explicit} has {_names(other)}:"
                " both splits need the same ones, or none"
            )
        splits = {name: shuffle(_pictures(folder, classes), options) for name, folder in folders.items()}
    else:
        folders, classes = {"train": root}, _classes(root)
        splits = divide(_pictures(root, classes), options)
    inside = [folder / name for folder in folders.values() for name in classes]
    return load_pictures(root.name, classes, splits, sources=(*dict.fromkeys([root, *folders.values(), *inside]),))


def _classes(folder: Path) -> tuple[str, ...]:
    """The names of the folders inside, sorted."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _pictures(folder: Path, classes: tuple[str, ...]) -> list[Picture]:
    """All images of the folder, with what its metadata.jsonl says of them."""
    pictures = _in_classes(folder, classes)
    if not (path := folder / FILE).is_file():
        return pictures
    names = [Path(picture.where).relative_to(folder).as_posix() for picture in pictures]
    described = descriptions(path.read_bytes(), str(path), names)
    return [picture._replace(texts=described[name]) for picture, name in zip(pictures, names, strict=True)]


def _in_classes(folder: Path, classes: tuple[str, ...]) -> list[Picture]:
    """All images of the classes, or those in the folder itself if there are none; sorted by class and name."""
    loose = _files(folder, None)
    if not classes:
        if not loose:
            raise DataError(f"{folder} holds no images: put files ending in {', '.join(SUFFIXES)} there")
        return loose
    if loose:
        raise DataError(
            f"{folder} holds both images ({loose[0].where}) and class folders ({_names(classes)}): move one of the two"
        )
    pictures = []
    for label, name in enumerate(classes):
        if not (files := _files(folder / name, label)):
            raise DataError(
                f"{folder / name} holds no images: put files ending in {', '.join(SUFFIXES)} there, or remove the"
                " folder (train/ is a split only beside held_out/, test/ or val/)"
            )
        pictures += files
    return pictures


def _files(folder: Path, label: int | None) -> list[Picture]:
    paths = sorted(path for path in folder.iterdir() if is_picture(path.name) and path.is_file())
    return [Picture(str(path), path.read_bytes, label) for path in paths]


def _names(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:8]) or "none"
    return f"{shown}, … ({len(classes)})" if len(classes) > 8 else shown
