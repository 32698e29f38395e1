"""Where the source of a module lies, and which other modules belong to the same plugin."""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, version
from pathlib import Path

CORE = "genbench"
COMMON = ("torch", "numpy")
"""Libraries that everything uses: told beside a number, never part of its identity."""


class SourceError(LookupError):
    """Code whose source cannot be read, so that a change of it would not be seen; the message says what to do."""


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of the last change: while both stay, the content is taken to be the same."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def imported(module: str) -> ModuleSpec | None:
    """The spec that a module of this process was imported by; a reload makes another one. None before it is."""
    return getattr(sys.modules.get(module), "__spec__", None)


class Location:
    """A module: its file (None for a package without `__init__.py`), and whether a name below it may be a module."""

    def __init__(self, module: str, path: Path | None, folders: tuple[Path, ...]) -> None:
        self.module, self.path, self.folders = module, path, folders

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.module if self.folders else self.module.rpartition(".")[0]

    def has(self, name: str) -> bool:
        """Whether there is a module of this name below it."""
        return any((folder / name).is_dir() or (folder / f"{name}.py").is_file() for folder in self.folders)


def locate(module: str) -> Location | None:
    """Find a module without importing it (but its packages); None if there is none. Raises SourceError for one that has
    no Python source.
    """
    spec = imported(module)
    if spec is None and (file := getattr(sys.modules.get(module), "__file__", None)):
        return Location(module, Path(file), ())  # a script
    try:
        spec = spec or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = tuple(map(Path, spec.submodule_search_locations or ()))
    if spec.origin is None and folders:
        return Location(module, None, folders)
    if not (spec.has_location and spec.origin and spec.origin.endswith(".py")):
        raise SourceError(
            f"module '{module}' has no Python source ({spec.origin}), so a change in it would not be seen: keep it out"
            " of what trains, draws and measures, or put it into a distribution of its own"
        )
    return Location(module, Path(spec.origin), folders)


def belongs(top: str, other: str) -> bool:
    """Whether the top-level module `other` is part of the same plugin as `top`: of its distribution or, where it is
    not installed, a neighbour in its folder. genbench is part of every plugin, no plugin is part of genbench.
    """
    if other in (CORE, top):
        return True
    if top == CORE or other in COMMON or other in sys.stdlib_module_names:
        return False
    location = locate(top)
    if location is None:
        return False
    folder = location.folders[0].parent if location.folders else location.path.parent if location.path else Path()
    if any(folder.glob("*.dist-info")):  # other distributions are installed in it
        owners = distributions()
        return bool(set(owners.get(top, ())) & set(owners.get(other, ())))
    return Location(top, None, (folder,)).has(other)


@lru_cache(maxsize=1)
def distributions() -> dict[str, list[str]]:
    """Top-level module -> the distributions that brought it."""
    return {module: list(names) for module, names in packages_distributions().items()}


def versions(tops: set[str]) -> dict[str, str]:
    """The distributions that these top-level modules came with, and their versions; a module that came with none stands
    for itself, of unknown version. The standard library, genbench, torch and numpy aside.
    """
    known: dict[str, str] = {}
    for top in sorted(tops - sys.stdlib_module_names - {CORE, *COMMON}):
        names = distributions().get(top)
        known |= {name: version(name) for name in names} if names else {top: "unknown"}
    return dict(sorted(known.items()))
