"""A small plugin on disk that tests edit, and the digests of its code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from genbench.registry.code import Code, code


class Tree:
    """Modules below one folder. Every edit gets a time of its own, since two may fall into one tick of the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._time = folder, 10**9

    def write(self, name: str, content: str | bytes) -> None:
        """A file, with the indentation of the test taken away."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
        self._time += 1
        os.utime(path, (self._time, self._time))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that is there."""
        text = (self.folder / name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new))

    def code(self, *roots: Any, **options: Any) -> Code:
        """What a process that starts now would say; nothing of the tree is imported but packages."""
        for module in list(sys.modules.values()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[module.__name__]
        importlib.invalidate_caches()
        return code(*roots, **options)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    monkeypatch.syspath_prepend(str(tmp_path))
    tree = Tree(tmp_path)
    yield tree
    for module in list(sys.modules.values()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[module.__name__]
