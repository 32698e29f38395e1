"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WRITING = ".writing"
"""The suffix of what is being written: a reader never looks at it, and `genbench runs --prune` clears what was left."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place when the block ends well and is deleted otherwise.

    Its name is random: two machines may share the folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_name(f"{path.name}.{secrets.token_hex(4)}{WRITING}")
    try:
        yield side
        os.replace(side, path)
    finally:
        side.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value atomically; for what JSON cannot hold, TypeError or ValueError leaves the old file."""
    text = json.dumps(value, indent=1, allow_nan=False)
    with replacing(path) as side, side.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
