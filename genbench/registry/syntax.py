"""A module as a table of definitions: which statements bind which names, and what is imported under which."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from genbench.registry.sources import Location, SourceError

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


@dataclass(frozen=True)
class Import:
    """What an imported name stands for: a module, or an attribute (perhaps a module too) of one."""

    module: str
    attribute: str | None = None


BINDING = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.arg, ast.Import, ast.ImportFrom),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping, ast.Global, ast.Nonlocal),
    *(ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp),
)
"""Nodes that bind names or have a scope of their own, beside names that are stored."""

Scope = dict[str, Import | None]
"""The names that a scope binds: by an import, or otherwise (None)."""


@dataclass
class Table:
    """The top level of a module.

    `units` are its statements without plain imports, documentation and what runs only for type checkers or as a script.
    `bound` says which of them bind a name, `loose` which do something besides. `typed` are names that type checkers
    see imported where the module has a `__getattr__` (PEP 562).
    """

    units: list[ast.stmt] = field(default_factory=list)
    bound: dict[str, list[int]] = field(default_factory=dict)
    loose: list[int] = field(default_factory=list)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    typed: dict[str, Import] = field(default_factory=dict)


def read_table(location: Location) -> Table:
    """Parse a module. Raises SourceError if it is not Python."""
    table = Table()
    if location.path is None:
        return table
    try:
        tree = ast.parse(location.path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"the source of module '{location.module}' cannot be read: {error}") from error
    _fill(table, tree.body, location.package)
    return table


def _fill(table: Table, statements: Iterable[ast.stmt], package: str) -> None:
    for statement in significant(statements):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            table.imports |= imports(statement, package)
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                table.stars.append(source(statement, package))
        elif isinstance(statement, ast.If) and _for_type_checkers(statement.test):
            for seen in statement.body:
                if isinstance(seen, ast.Import | ast.ImportFrom):
                    table.typed |= imports(seen, package)
            _fill(table, statement.orelse, package)
        elif not (isinstance(statement, ast.If) and _as_script(statement.test)):
            for name in bindings([statement], package):
                table.bound.setdefault(name, []).append(len(table.units))
            if not defines(statement):
                table.loose.append(len(table.units))
            table.units.append(statement)


def significant(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that can change what is computed: no documentation, no `pass`, no overloads."""
    for statement in statements:
        documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (documents or isinstance(statement, ast.Pass) or _is_overload(statement)):
            yield statement


def without_type_checking(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Significant statements; of `if TYPE_CHECKING`, those of its `else`."""
    for statement in significant(statements):
        if isinstance(statement, ast.If) and _for_type_checkers(statement.test):
            yield from without_type_checking(statement.orelse)
        else:
            yield statement


def imports(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, Import]:
    """The names that the statement binds; none for `import *`."""
    if isinstance(statement, ast.ImportFrom):
        module = source(statement, package)
        return {
            alias.asname or alias.name: Import(module, alias.name) for alias in statement.names if alias.name != "*"
        }
    return {
        alias.asname or alias.name.partition(".")[0]: Import(
            alias.name if alias.asname else alias.name.partition(".")[0]
        )
        for alias in statement.names
    }


def source(statement: ast.ImportFrom, package: str) -> str:
    """The full name of the module that a `from` names."""
    name = "." * statement.level + (statement.module or "")
    return importlib.util.resolve_name(name, package) if statement.level else name


def bindings(nodes: Iterable[ast.AST], package: str) -> Scope:
    """The names that these nodes bind in their own scope, not in functions, classes and comprehensions inside."""
    scope: Scope = {}
    declared: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):  # most nodes are names that are read
            if not isinstance(node.ctx, ast.Load):
                scope.setdefault(node.id, None)
            continue
        if not isinstance(node, BINDING):
            waiting += ast.iter_child_nodes(node)
            continue
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                scope.setdefault(name, None)
                waiting += _outside(node)
                continue
            case ast.Import() | ast.ImportFrom():
                scope |= imports(node, package)
            case ast.arg(arg=name):
                scope.setdefault(name, None)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                scope.setdefault(name, None)
            case ast.MatchMapping(rest=str(name)):
                scope.setdefault(name, None)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                declared |= set(names)
            case ast.Lambda():
                waiting += node.args.defaults
                continue
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
                continue
        waiting += ast.iter_child_nodes(node)
    return {name: value for name, value in scope.items() if name not in declared}


def _outside(node: Function | ast.ClassDef) -> list[ast.expr]:
    """What of a definition is evaluated in the scope around it."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    return [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]


def defines(statement: ast.stmt) -> bool:
    """Whether the statement binds names (or raises) and does nothing else that one can see."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Raise() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return all(map(_is_name, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return _is_name(target)
        case ast.If(body=body, orelse=orelse):
            return all(map(defines, [*body, *orelse]))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            return all(map(defines, [*body, *(inner for part in handlers for inner in part.body), *orelse, *last]))
    return type(statement).__name__ == "TypeAlias"  # Python 3.12


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_name, target.elts))
    return isinstance(target, ast.Name) or (isinstance(target, ast.Starred) and _is_name(target.value))


def _for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _as_script(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _is_overload(statement: ast.stmt) -> bool:
    decorators = statement.decorator_list if isinstance(statement, Function) else []
    return any((getattr(node, "id", None) or getattr(node, "attr", None)) == "overload" for node in decorators)
