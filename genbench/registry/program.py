"""The modules of genbench and its plugins as one program: what a name in one of them means in another."""

from __future__ import annotations

import ast
import builtins
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from genbench.registry.classes import Class
from genbench.registry.reading import Definition, Meaning, Module, Outside, Reader, Reading
from genbench.registry.sources import Location, SourceError, belongs, imported, locate, stamp
from genbench.registry.syntax import (
    Function,
    Import,
    Table,
    read_table,
)

NOT_FOLLOWED = {
    "genbench.interfaces": "what a stage's spec and a method resolve to is hashed instead",
    "genbench.errors": "words for people",
    "genbench.registry": "how things are found, not what they do",
    "genbench.store": "where results lie, not what they are",
    "genbench.training.signals": "when training stops, not what it computes",
    "genbench.running.progress": "what is said meanwhile",
}
"""Modules, and packages with all that is in them, whose code never counts, and why."""


class Source:
    """A module that was read: pinned to what was imported, if it was, else to the file as it is."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.table: Table = read_table(location)
        self.readings: dict[int, Reading] = {}
        self._spec = imported(location.module)
        self._stamp = stamp(location.path) if location.path else None

    def is_current(self) -> bool:
        """Whether it is still what would run. A file that is edited after it was imported does not run yet."""
        now = imported(self.location.module)
        if self._spec is not None:
            return now is self._spec
        location = locate(self.location.module)
        same = location == self.location and (location.path is None or stamp(location.path) == self._stamp)
        self._spec = now if same else None
        return same


class Program:
    """Every module that was read so far, as long as none of them has changed."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self.walks: dict[Any, Any] = {}
        self._sources = {source.location.module: source for source in sources}
        self._belongs: dict[tuple[str, str], bool] = {}
        self._classes: dict[Definition, Class | None] = {}

    def current(self) -> Program:
        """This program, or another one if some module is no longer what would run."""
        same = [source for source in self._sources.values() if source.is_current()]
        if len(same) == len(self._sources):
            return self
        for source in same:
            source.readings.clear()  # what names of other modules mean may have changed
        return Program(same)

    def source(self, module: str) -> Source:
        """The module, read now if it was not. Raises SourceError."""
        if module not in self._sources:
            location = locate(module)
            if location is None:
                raise SourceError(
                    f"the source of module '{module}' cannot be found, so a change in it would not be seen: put it into"
                    " a .py file"
                )
            self._sources[module] = Source(location)
        return self._sources[module]

    def exists(self, module: str) -> bool:
        """Whether there is such a module."""
        return module in self._sources or locate(module) is not None

    def belongs(self, importer: str, module: str) -> bool:
        """Whether a module is of genbench or of the same plugin as the one that imports it."""
        tops = importer.partition(".")[0], module.partition(".")[0]
        if tops not in self._belongs:
            self._belongs[tops] = belongs(*tops)
        return self._belongs[tops]

    def is_followed(self, module: str) -> bool:
        """Whether definitions of the module count."""
        return not any(module == name or module.startswith(f"{name}.") for name in NOT_FOLLOWED)

    # --------------------------------------------------------------------------------------------------- definitions

    def place(self, name: str) -> Definition:
        """Where "module:name" is defined. What is defined inside a function or a class stands for that."""
        module, _, path = name.partition(":")
        known = module.partition(".")[0] not in sys.stdlib_module_names
        place = self.member(module, path.partition(".")[0]) if known else None
        if not isinstance(place, Definition):
            raise SourceError(f"'{name}' cannot be found in the source of its module: define it there by that name")
        return place

    def readings(self, definition: Definition) -> Iterator[Reading]:
        """The statements that define it."""
        source = self.source(definition.module)
        for unit in source.table.bound[definition.name]:
            yield self._reading(source, unit)
        if also := source.table.imports.get(definition.name):
            meaning = self._imported(source.location, also)
            if isinstance(meaning, Definition):
                yield Reading(definitions={meaning})

    def loose(self, module: str) -> Iterator[Reading]:
        """The statements of the module that do something besides defining names, such as a decorator that registers."""
        source = self.source(module)
        for unit, statement in enumerate(source.table.units):
            if unit in source.table.loose or self._is_registered(module, statement):
                yield self._reading(source, unit)

    def _is_registered(self, module: str, statement: ast.stmt) -> bool:
        """Whether the definition is decorated by code that is followed, which may keep it under another name."""
        reader = self.reader(module)
        waiting = list(statement.decorator_list if isinstance(statement, Function | ast.ClassDef) else [])
        for node in waiting:  # of `@table.register("x")` what table.register and what table is
            meaning = reader.resolve(node)
            if isinstance(meaning, Definition) and self.is_followed(meaning.module):
                return True
            if isinstance(node, ast.Call | ast.Attribute):
                waiting.append(node.func if isinstance(node, ast.Call) else node.value)
        return False

    def everything(self, module: str) -> list[Definition]:
        """All definitions of a module."""
        return [Definition(module, name) for name in self.source(module).table.bound]

    def _reading(self, source: Source, unit: int) -> Reading:
        if unit not in source.readings:
            source.readings[unit] = self.reader(source.location.module).read([source.table.units[unit]])
        return source.readings[unit]

    def reader(self, module: str, owner: Definition | None = None) -> Reader:
        """A reader of code that stands in this module."""
        location = self.source(module).location
        return Reader(
            location.package,
            lambda name: self.member(module, name, submodules=False),
            lambda one: self._imported(location, one),
            self.member,
            owner,
        )

    # -------------------------------------------------------------------------------------------------------- names

    def member(self, module: str, name: str, submodules: bool = True) -> Meaning | None:
        """What `module.name` means, or None if there is no such thing."""
        return self._member(module, name, submodules, set())

    def _member(self, module: str, name: str, submodules: bool, seen: set[tuple[str, str]]) -> Meaning | None:
        if (module, name) in seen:
            return None
        seen.add((module, name))
        source = self.source(module)
        table = source.table
        if name in table.bound:
            return Definition(module, name)
        if name in table.imports:
            return self._imported(source.location, table.imports[name], seen)
        if submodules and source.location.has(name):
            return Module(f"{module}.{name}")
        for star in () if hasattr(builtins, name) else table.stars:
            if meaning := self._imported(source.location, Import(star, name), seen, sure=False):
                return meaning
        if "__getattr__" in table.bound and submodules and not name.startswith("__"):
            if name in table.typed:
                return self._imported(source.location, table.typed[name], seen)
            raise SourceError(
                f"'{name}' of module '{module}' is made when it is asked for, so that its source cannot be found:"
                " import it from where it is defined, or repeat the import under `if TYPE_CHECKING:` there"
            )
        return None

    def _imported(
        self, importer: Location, one: Import, seen: set[tuple[str, str]] | None = None, sure: bool = True
    ) -> Meaning | None:
        """What an import in that module stands for; None if there is no such thing. Unless it is `sure` that there is,
        a name that is not found is none; else it may be anything of its module.
        """
        if not self.belongs(importer.module, one.module):
            return Outside(f"{one.module}.{one.attribute}" if one.attribute else one.module)
        if one.attribute and not self.is_followed(one.module):
            return Definition(one.module, one.attribute)
        if not self.exists(one.module):
            return None
        meaning = self._member(one.module, one.attribute, True, seen or set()) if one.attribute else None
        return meaning or (Module(one.module) if sure else None)

    # ------------------------------------------------------------------------------------------------------ classes

    def class_of(self, place: Definition) -> Class | None:
        """The class that is defined there; None for anything else, and for one that is defined in several ways."""
        if place not in self._classes:
            source = self.source(place.module)
            nodes = [source.table.units[unit] for unit in source.table.bound.get(place.name, ())]
            node = nodes[0] if len(nodes) == 1 else None
            self._classes[place] = None
            if isinstance(node, ast.ClassDef):
                followed, package = self.is_followed(place.module), source.location.package
                self._classes[place] = Class(place, node, followed, package, lambda: self.reader(place.module, place))
        return self._classes[place]

    def lineage(self, cls: Class) -> list[Class]:
        """The class and those it derives from that have source here, nearest first."""
        lineage: list[Class] = []
        waiting = [cls]
        while waiting:
            one = waiting.pop(0)
            if one not in lineage:
                lineage.append(one)
                waiting = [*filter(None, map(self.class_of, one.bases)), *waiting]
        return lineage

    # -------------------------------------------------------------------------------------------------------- files

    def with_packages(self, module: str) -> list[str]:
        """The packages that the module lies in, and itself."""
        parts = module.split(".")
        names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return [name for name in names if self.exists(name)]

    def named_files(self, modules: Iterable[str], names: set[str]) -> list[Path]:
        """The files beside these modules (sources aside) that have one of these names."""
        folders = {path.parent for module in modules if (path := self.source(module).location.path)}
        paths = [folder / name for folder in sorted(folders) for name in names.intersection(os.listdir(folder))]
        return [path for path in paths if path.suffix not in (".py", ".pyc") and path.is_file()]


_program = Program()


def program() -> Program:
    """The program as it would run now."""
    global _program
    _program = _program.current()
    return _program
