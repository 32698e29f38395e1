"""A piece of code as normalised text, and all that it names.

Documentation, annotations, formatting and everything inside a `raise` or an assertion's message leave no trace in the
text. A name that is bound elsewhere stands there as what it means, whatever it is called and imported from here.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genbench.registry.syntax import (
    Comprehension,
    Function,
    Import,
    Scope,
    bindings,
    imports,
    source,
    without_type_checking,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Definition:
    """A name at the top level of a module that is followed."""

    module: str
    name: str


@dataclass(frozen=True)
class Module:
    """A module that is followed."""

    name: str


@dataclass(frozen=True)
class Outside:
    """Something of another distribution, by its full name."""

    path: str


Meaning = Definition | Module | Outside

IGNORED = ("ctx", "kind", "type_comment", "type_params", "type_ignores", "annotation", "returns")
"""Fields of syntax trees that do not change what is computed."""


@dataclass
class Reading:
    """What was found. `of_self` and `of_super` are attributes that a method asks of its own object and of those that
    its class derives from; `escapes` says that it hands its object to others.
    """

    digest: str = ""
    definitions: set[Definition] = field(default_factory=set)
    modules: set[Module] = field(default_factory=set)
    """Used as values, so that anything of them may be meant."""
    loaded: set[str] = field(default_factory=set)
    """Modules that the code imports itself, for what importing them does."""
    outside: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    of_self: set[str] = field(default_factory=set)
    of_super: set[str] = field(default_factory=set)
    escapes: bool = False


class Reader:
    """Reads code of one module. `meaning` says what a name of the module stands for, `imported` what an import does,
    `member` what a name inside a module does.

    For a method that is read without the rest of its class, `owner` is that class.
    """

    def __init__(
        self,
        package: str,
        meaning: Callable[[str], Meaning | None],
        imported: Callable[[Import], Meaning | None],
        member: Callable[[str, str], Meaning | None],
        owner: Definition | None = None,
    ) -> None:
        self.package, self.owner = package, owner
        self._meaning, self._imported, self._member = meaning, imported, member
        self._text: list[str] = []
        self._scopes: list[tuple[bool, Scope]] = []
        self._self = ""
        self._found = Reading()

    def read(self, nodes: Iterable[ast.AST]) -> Reading:
        """Statements at the top level of the module."""
        for node in nodes:
            self._write(node)
        return self._done()

    def read_member(self, statement: ast.stmt, scope: Scope) -> Reading:
        """A method or another statement of a class body, whose names are in `scope`."""
        if isinstance(statement, Function) and not _is_static(statement):
            arguments = [*statement.args.posonlyargs, *statement.args.args]
            self._self = arguments[0].arg if arguments else ""
        with self._scope(scope, of_class=True):
            self._write(statement)
        return self._done()

    def _done(self) -> Reading:
        self._found.digest = hashlib.sha256("".join(self._text).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._found

    # ------------------------------------------------------------------------------------------------------- writing

    def _write(self, node: ast.AST) -> None:
        match node:
            case ast.Raise():
                self._text.append("Raise")
            case ast.Assert():
                self._text.append("Assert(")
                self._write(node.test)
                self._text.append(")")
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.AnnAssign() if not (self._scopes and self._scopes[-1][0]):
                if node.value is not None:  # an annotated name is one that is not; in a class it may be a field
                    self._write(ast.Assign([node.target], node.value))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node)
            case ast.ClassDef():
                self._fields(node, without=("body",))
                with self._scope(bindings(node.body, self.package), of_class=True):
                    self._statements("body", node.body)
                self._text.append(")")
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node)
            case ast.Name():
                self._name(node)
            case ast.Attribute():
                self._attribute(node)
            case ast.Constant():
                if isinstance(node.value, str):
                    self._found.strings.add(node.value)
                self._text.append(f"{node.value!r}")
            case _:
                self._fields(node)
                self._text.append(")")

    def _fields(self, node: ast.AST, without: Sequence[str] = ()) -> None:
        self._text.append(f"{type(node).__name__}(")
        for name, value in ast.iter_fields(node):
            if name in IGNORED or name in without or value is None or value == []:
                continue
            if isinstance(value, list) and isinstance(value[0], ast.stmt):
                self._statements(name, value)
            elif isinstance(value, list):
                self._text.append(f"{name}=[")
                for item in value:
                    self._item(item)
                self._text.append("]")
            else:
                self._text.append(f"{name}=")
                self._item(value)

    def _item(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self._write(value)
        else:
            self._text.append(f"{value!r}")
        self._text.append(",")

    def _statements(self, name: str, statements: Sequence[ast.stmt]) -> None:
        self._text.append(f"{name}=[")
        for statement in without_type_checking(statements):
            self._write(statement)
            self._text.append(",")
        self._text.append("]")

    def _function(self, node: Function | ast.Lambda) -> None:
        self._fields(node, without=("body",))
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        with self._scope(bindings([node.args, *body], self.package)):
            if isinstance(node, ast.Lambda):
                self._write(node.body)
            else:
                self._statements("body", node.body)
        self._text.append(")")

    def _comprehension(self, node: Comprehension) -> None:
        self._text.append(f"{type(node).__name__}(")
        first = node.generators[0]
        self._write(first.iter)  # evaluated outside, where the targets are not yet bound
        with self._scope(bindings([part.target for part in node.generators], self.package)):
            for part in node.generators:
                self._fields(part, without=("iter",) if part is first else ())
            self._fields(node, without=("generators",))
        self._text.append(")")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Leaves no text: what is imported stands where it is used. But it is imported, used or not."""
        if isinstance(node, ast.ImportFrom):
            wanted = list(imports(node, self.package).values()) or [Import(source(node, self.package))]
        else:
            wanted = [Import(alias.name) for alias in node.names]
        for one in wanted:
            match self._imported(one):
                case Definition() as definition:
                    self._found.definitions.add(definition)
                case Module(name=name):
                    self._found.loaded.add(name)
                case Outside(path=path):
                    self._found.outside.add(path)

    # --------------------------------------------------------------------------------------------------------- names

    def _name(self, node: ast.Name) -> None:
        if node.id == self._self and self._is_own_object(node):
            self._found.escapes = True
        stores_at_top = not self._scopes and not isinstance(node.ctx, ast.Load)
        meaning = None if stores_at_top else self.resolve(node)
        if meaning is None:
            self._text.append(f"Name({node.id})")
        else:
            self._refer(meaning)
            if isinstance(meaning, Module):
                self._found.modules.add(meaning)

    def _attribute(self, node: ast.Attribute) -> None:
        self._found.attributes.add(node.attr)
        if meaning := self.resolve(node):
            self._refer(meaning)
            if isinstance(meaning, Module):
                self._found.modules.add(meaning)
            return
        self._text.append(f"Attribute({node.attr},")
        if self._is_own_object(node.value):
            self._found.of_self.add(node.attr)
            self._text.append("self")
        elif _is_super(node.value):
            self._found.of_super.add(node.attr)
            self._text.append("super")
        elif isinstance(base := self.resolve(node.value), Module):
            self._refer(base)  # an attribute that every module has, such as __file__
        else:
            self._write(node.value)
        self._text.append(")")

    def _refer(self, meaning: Meaning) -> None:
        match meaning:
            case Definition(name=name):
                self._found.definitions.add(meaning)
                self._text.append(f"Global({name})")
            case Module(name=name):
                self._text.append(f"Module({name.rpartition('.')[2]})")
            case Outside(path=path):
                self._found.outside.add(path)
                self._text.append(f"Outside({path})")

    def resolve(self, node: ast.expr) -> Meaning | None:
        """What a name or a chain of attributes means outside this code; None for what is bound or computed in it."""
        if isinstance(node, ast.Name):
            innermost = len(self._scopes) - 1
            for depth in range(innermost, -1, -1):
                of_class, scope = self._scopes[depth]
                if node.id in scope and (depth == innermost or not of_class):
                    local = scope[node.id]
                    return self._imported(local) if local else None
            return self._meaning(node.id)
        if isinstance(node, ast.Attribute):
            match self.resolve(node.value):
                case Module(name=module):
                    return self._member(module, node.attr)
                case Outside(path=path):
                    return Outside(f"{path}.{node.attr}")
        return None

    def _is_own_object(self, node: ast.expr) -> bool:
        """Whether the node is the object or the class of the method that is read."""
        if not isinstance(node, ast.Name):
            return False
        if self.owner is not None and self.resolve(node) == self.owner:
            return True
        holders = [depth for depth, (of_class, scope) in enumerate(self._scopes) if not of_class and node.id in scope]
        return bool(self._self) and node.id == self._self and holders == [1]

    @contextmanager
    def _scope(self, names: Scope, of_class: bool = False) -> Iterator[None]:
        self._scopes.append((of_class, names))
        yield
        self._scopes.pop()


def _is_static(function: Function) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "staticmethod" for node in function.decorator_list)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
