"""Where the source of a module lies, and which other modules belong to the same plugin."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Location:
    """A module: its file (None for a package without `__init__.py`), and the folders of a package."""

    module: str
    path: Path | None
    folders: tuple[Path, ...]

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
    spec = _spec(module)
    if spec is None:
        script = getattr(sys.modules.get(module), "__file__", None)
        return Location(module, Path(script), ()) if script else None
    folders = tuple(map(Path, spec.submodule_search_locations or ()))
    if spec.origin is None and folders:
        return Location(module, None, folders)
    if not (spec.has_location and spec.origin and spec.origin.endswith(".py") and Path(spec.origin).is_file()):
        raise SourceError(
            f"module '{module}' has no Python source ({spec.origin}), so a change in it would not be seen: keep it out"
            " of what trains, draws and measures, or put it into a distribution of its own"
        )
    return Location(module, Path(spec.origin), folders)


def _spec(module: str) -> ModuleSpec | None:
    try:
        return imported(module) or importlib.util.find_spec(module)
    except ValueError:  # a script
        return None
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            return None
        raise SourceError(f"the package of module '{module}' cannot be imported: {error}") from error


def belongs(top: str, other: str) -> bool:
    """Whether the top-level module `other` is part of the same plugin as `top`: of its distribution or, where it is
    not installed, a neighbour in its folder. genbench is part of every plugin, no plugin is part of genbench.
    """
    if other in (CORE, top):
        return True
    if top == CORE or other in COMMON or other in sys.stdlib_module_names:
        return False
    folder = _home(top)
    if folder is None or folder != _home(other):
        return False
    if any(folder.glob("*.dist-info")):  # a folder in which distributions are installed
        owners = distributions()
        return bool(set(owners.get(top, ())) & set(owners.get(other, ())))
    return True


def _home(top: str) -> Path | None:
    """The folder that a top-level module or package lies in."""
    spec = _spec(top)
    places = [*(spec.submodule_search_locations or ()), *filter(None, [spec.origin])] if spec else []
    return Path(places[0]).parent if places else None


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
