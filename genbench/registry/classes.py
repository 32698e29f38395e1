"""A class whose methods can be taken one by one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from genbench.registry.reading import Definition, Reader, Reading
from genbench.registry.syntax import Function, Scope, bindings, defines, without_type_checking


@dataclass(frozen=True, eq=False)
class Class:
    """A class at the top level of a module. `followed` is False for an interface; `reader` reads what stands in it."""

    place: Definition
    node: ast.ClassDef
    followed: bool
    package: str
    reader: Callable[[], Reader]

    @cached_property
    def members(self) -> dict[str, list[ast.stmt]]:
        """Name -> the statements of the body that bind it."""
        members: dict[str, list[ast.stmt]] = {}
        for statement in without_type_checking(self.node.body):
            for name in bindings([statement], self.package):
                members.setdefault(name, []).append(statement)
        return members

    @cached_property
    def bases(self) -> list[Definition]:
        """The classes it derives from, in order, as far as they are named."""
        reader = self.reader()
        named = [base.value if isinstance(base, ast.Subscript) else base for base in self.node.bases]
        return [place for place in map(reader.resolve, named) if isinstance(place, Definition)]

    @cached_property
    def head(self) -> Reading:
        """Decorators, keywords, the names of bases, and what the body does besides defining names.

        The bases are not reached by it: of them, too, only what is used counts.
        """
        head = ast.ClassDef(
            name=self.node.name,
            bases=self.node.bases,
            keywords=self.node.keywords,
            decorator_list=self.node.decorator_list,
            body=[statement for statement in without_type_checking(self.node.body) if not defines(statement)],
        )
        reading = self.reader().read([head])
        reading.definitions -= set(self.bases)
        return reading

    def has(self, name: str, values: bool = True) -> bool:
        """Whether the body binds the name; to a function, unless `values` count too."""
        statements = self.members.get(name, [])
        return bool(statements) and (values or isinstance(statements[-1], Function))

    def readings(self, name: str) -> Iterator[Reading]:
        """The statements that bind a member."""
        for statement in self.members[name]:
            yield self.reader().read_member(statement, self._scope)

    @cached_property
    def _scope(self) -> Scope:
        return bindings(self.node.body, self.package)
