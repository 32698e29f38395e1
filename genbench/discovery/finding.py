"""Where plugins are: distributions with an entry point in the group `genbench`, and loose modules in folders."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from genbench.registry.registrar import CORE

GROUP = "genbench"
FOLDERS = "GENBENCH_PLUGINS"
"""The environment variable that names folders of loose plugins, separated like those of PATH: jobs inherit it."""


@dataclass(frozen=True)
class Found(ABC):
    """A plugin before it is imported; `problem` says why it must not be, if so."""

    name: str
    module: str
    distribution: str
    version: str
    problem: str

    @abstractmethod
    def load(self) -> Any:
        """Import it."""

    @abstractmethod
    def files(self) -> list[Path]:
        """Its source files, without importing it."""


@dataclass(frozen=True)
class Installed(Found):
    """A plugin that pip installed."""

    point: EntryPoint

    def load(self) -> Any:
        """What the entry point names."""
        return self.point.load()

    def files(self) -> list[Path]:
        """Those of its top-level module or package."""
        try:
            spec = importlib.util.find_spec(self.point.module.partition(".")[0])
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return []
        places = spec.submodule_search_locations or [spec.origin or ""]
        return [file for place in places for file in python_files(Path(place))]


@dataclass(frozen=True)
class Loose(Found):
    """A file or package in a folder of plugins."""

    path: Path

    def load(self) -> Any:
        """Import it, unless it would be mistaken for something else of its name."""
        module = importlib.import_module(self.name)
        place = Path(module.__file__ or "").resolve()
        if self.path.resolve() not in (place, *place.parents):
            raise ImportError(f"Python already has a module '{self.name}' ({place}); rename {self.path.name}")
        return module

    def files(self) -> list[Path]:
        """The file, or those of the package."""
        return python_files(self.path)


def installed() -> Iterator[Installed]:
    """Every entry point of the group, by name. A name that several distributions bring belongs to none of them."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _distribution(point)))
    for point in points:
        owners = [_distribution(other)[0] for other in points if other.name == point.name]
        problem = ""
        if point.name == CORE:
            problem = f"'{CORE}' is the core itself: rename the entry point of distribution {owners[0]}"
        elif len(owners) > 1:
            problem = f"distributions {' and '.join(owners)} both bring a plugin '{point.name}': uninstall all but one"
        yield Installed(point.name, point.value, *_distribution(point), problem, point)


def loose(taken: Collection[str]) -> Iterator[Loose]:
    """Modules and packages in the folders that the environment names, by name, beside plugins whose names are taken.

    A name that starts with "_" is not a plugin but the private part of one.
    """
    names = set(taken)
    for folder in (Path(name).resolve() for name in os.environ.get(FOLDERS, "").split(os.pathsep) if name):
        if not folder.is_dir():
            problem = f"no such folder; {FOLDERS} (or --plugins-dir) names it"
            yield Loose(folder.name, str(folder), str(folder), "", problem, folder)
            continue
        # At the end, so that a loose file never hides an installed module; children of this process get it too.
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(("_", ".")) and (path.suffix == ".py" or (path / "__init__.py").is_file()):
                problem = f"another plugin is called '{path.stem}'; rename {path.name}" if path.stem in names else ""
                names.add(path.stem)
                yield Loose(path.stem, str(path), path.name, "loose", problem, path)


def python_files(path: Path) -> list[Path]:
    """The Python files below a folder, or the file itself."""
    return sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.is_file() else []


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("?", "?")
