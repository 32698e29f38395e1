"""Digests of code: of the definitions that are reached by name from where something starts, and of nothing else.

Followed are genbench and the plugin's own packages, into functions, classes and constants, wherever they lie. What
names cannot show (files elsewhere, importlib) is declared by `fingerprint(options)`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from genbench.registry.classes import Class
from genbench.registry.files import file_digest
from genbench.registry.files import files_digest as files_digest
from genbench.registry.program import Program, program
from genbench.registry.reading import Definition, Reading
from genbench.registry.sources import SourceError as SourceError
from genbench.registry.sources import versions

Root = type[Any] | Callable[..., Any] | str | tuple[type[Any] | str, tuple[str, ...]]
"""Where following starts: a class or function (or its "module:name"), or (class, names of methods): only these methods,
those that Python calls by itself (`__init__`, …), and what they reach.
"""


@dataclass(frozen=True)
class Code:
    """The definitions that were reached. `parts` are their digests by name; modules are not in the names, so that a
    definition may move.
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits for all of it."""
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()[:16]


def code(*roots: Root, contract: Iterable[str] = (), given: Iterable[Any] = ()) -> Code:
    """Everything that the roots reach.

    `contract` names methods that the harness calls and that a class may inherit from an interface: what they resolve to
    then counts, although interfaces are not followed. `given` are values that the code is handed, such as options: of
    their classes, a method counts where the code says its name. Raises SourceError for what has no source.
    """
    parts: dict[str, set[str]] = {}
    for walk in _walks(roots, tuple(contract), tuple(given)):
        for name, digests in walk.parts.items():
            parts.setdefault(name, set()).update(digests)
        for name, digest in walk.files().items():
            parts.setdefault(name, set()).add(digest)
    return Code({name: _joined(digests) for name, digests in sorted(parts.items())})


def libraries(*roots: Root) -> dict[str, str]:
    """The distributions whose code the roots call, and their versions; genbench, the plugin itself, torch, numpy and
    the standard library aside.
    """
    return versions({path.partition(".")[0] for walk in _walks(roots, (), ()) for path in walk.outside})


def _walks(roots: Iterable[Root], contract: tuple[str, ...], given: tuple[Any, ...]) -> list[_Walk]:
    reached = program()
    handed = tuple(sorted({_name(cls) for value in given for cls in _classes(value)}))
    walks = []
    for root in roots:
        target, methods = root if isinstance(root, tuple) else (root, None)
        name = target if isinstance(target, str) else _name(target)
        key = name, methods, contract, handed
        if key not in reached.walks:
            reached.walks[key] = _Walk(reached, name, methods, contract, handed)
        walks.append(reached.walks[key])
    return walks


def _name(target: Any) -> str:
    """ "module:name" of a class or a function, or of a value's class."""
    named = target if hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}:{named.__qualname__}"


def _classes(value: Any) -> set[type[Any]]:
    """The classes of a value and of the dataclasses and enums inside that may have methods of their own."""
    if isinstance(value, type):
        return {value}
    if isinstance(value, Enum):
        return {type(value)}
    if isinstance(value, Mapping | list | tuple):
        inside = value.values() if isinstance(value, Mapping) else value
    elif is_dataclass(value):
        inside = [getattr(value, field.name) for field in fields(value)]
        return {type(value)}.union(*map(_classes, inside))
    else:
        return set()
    return set[type[Any]]().union(*map(_classes, inside))


def _joined(digests: set[str]) -> str:
    """One digest for all definitions of a name."""
    if len(digests) == 1:
        return next(iter(digests))
    return hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()[:16]


class _Walk:
    """From one root through all that it names."""

    def __init__(
        self,
        reached: Program,
        root: str,
        methods: tuple[str, ...] | None,
        contract: tuple[str, ...],
        given: tuple[str, ...],
    ) -> None:
        self.parts: dict[str, set[str]] = {}
        self.outside: set[str] = set()
        self._program, self._contract = reached, contract
        self._strings: set[str] = set()
        self._said: set[str] = set()
        self._modules: set[str] = set()
        self._known: set[Definition] = set()
        self._members: set[tuple[Definition, str]] = set()
        self._waiting: list[Definition] = []
        given = tuple(name for name in given if reached.belongs(root, name.partition(":")[0]))
        self._handed = [cls for name in given if (cls := reached.class_of(reached.place(name)))]
        self._escaped: list[Class] = []
        start = reached.place(root)
        cls = reached.class_of(start)
        if methods is None or cls is None:
            self._reach({start})
            self._finish()
        if cls is not None:
            self._class(cls, methods)
            self._finish()

    def files(self) -> dict[str, str]:
        """The digests of files beside the modules reached whose names the code says, by name."""
        paths = self._program.named_files(self._modules, self._strings)
        return {path.name: file_digest(path)[:16] for path in paths}

    # ------------------------------------------------------------------------------------------- whole definitions

    def _reach(self, definitions: Iterable[Definition]) -> None:
        self._waiting += [one for one in definitions if self._program.is_followed(one.module)]

    def _finish(self) -> None:
        """Until nothing new is named."""
        while self._waiting or self._more_members():
            while self._waiting:
                definition = self._waiting.pop()
                if definition not in self._known:
                    self._known.add(definition)
                    self._load(definition.module)
                    for reading in self._program.readings(definition):
                        self._take(definition.name, reading)

    def _take(self, name: str, reading: Reading) -> None:
        if reading.digest:
            self.parts.setdefault(name, set()).add(reading.digest)
        self.outside |= reading.outside
        self._strings |= reading.strings
        self._said |= reading.attributes
        self._reach(reading.definitions)
        for module in reading.modules:
            self._reach(self._program.everything(module.name))
        for module_name in reading.loaded:
            self._load(module_name)

    def _load(self, module: str) -> None:
        """What importing the module does besides defining names, and the packages it lies in."""
        for name in self._program.with_packages(module):
            if name not in self._modules and self._program.is_followed(name):
                self._modules.add(name)
                for reading in self._program.loose(name):
                    self._take("statements", reading)

    # ------------------------------------------------------------------------------------------------ parts of a class

    def _class(self, cls: Class, methods: tuple[str, ...] | None) -> None:
        """Only these methods of the class (None: it is known already) and what they ask of their object; and those of
        the contract.
        """
        lineage = self._program.lineage(cls)
        if methods is not None:
            followed = [one for one in lineage if one.followed]
            for one in followed:
                self._load(one.place.module)
                self._take(one.place.name, one.head)
            implicit = {name for one in followed for name in one.members if _dunder(name)}
            self._member(lineage, sorted({*methods, *implicit}))
        self._member(lineage, self._contract)

    def _member(self, lineage: list[Class], names: Iterable[str], values: bool = True) -> None:
        """What these names mean on an object of the first class, and all that they ask of the object in turn; functions
        only, if the object's `values` are known otherwise.
        """
        waiting = [(name, False) for name in names]
        while waiting:
            name, every = waiting.pop()
            holders = [one for one in lineage if one.has(name, values) and (one.followed or name in self._contract)]
            for holder in holders if every else holders[:1]:
                if holder.place not in self._known and (holder.place, name) not in self._members:
                    self._members.add((holder.place, name))
                    for reading in holder.readings(name):
                        self._take(f"{holder.place.name}.{name}", reading)
                        waiting += [(asked, False) for asked in reading.of_self]
                        waiting += [(asked, True) for asked in reading.of_super]
                        if values and reading.escapes and lineage[0] not in self._escaped:
                            self._escaped.append(lineage[0])

    def _more_members(self) -> bool:
        """Methods of objects that are handed around, whose names were said by now; whether there were any."""
        before = len(self._members)
        for classes, values in ((self._escaped, True), (self._handed, False)):
            for cls in classes:
                if cls.place not in self._known:
                    said = [name for name in self._said if not _dunder(name)]
                    self._member(self._program.lineage(cls), said, values)
        return len(self._members) > before


def _dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
