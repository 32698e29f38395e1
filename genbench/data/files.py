"""Where a dataset's files lie: `dataset.root`, and the files under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genbench.data.errors import DataError


def existing_root(root: str, option: str, what: str) -> Path:
    """The path that an option names; `what` describes it ("the folder with the images").

    Raises DataError if the option is empty or there is nothing at the path.
    """
    if not root:
        raise DataError(f"{option} is not set: name {what}, {option}=PATH")
    path = Path(root).expanduser()
    if not path.exists():
        raise DataError(f"{option}={root} does not exist (looked in {Path.cwd()}): name {what}")
    return path


def existing_folder(root: str, option: str, what: str) -> Path:
    """As `existing_root`, and raises DataError if it is not a folder."""
    path = existing_root(root, option, what)
    if not path.is_dir():
        raise DataError(f"{option}={root} is a file: name {what}")
    return path


def find_file(root: Path, folders: Sequence[str], names: Sequence[str]) -> Path:
    """The first of `names` that lies in one of these folders under the root. Raises DataError if none does."""
    places = [root / folder for folder in folders]
    for place in places:
        for name in names:
            if (path := place / name).is_file():
                return path
    raise DataError(
        f"{names[0]} is missing under dataset.root: looked for {' and '.join(names)}"
        f" in {' and '.join(map(str, places))}; put it there, or name the folder it is in"
    )
