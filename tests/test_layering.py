"""Who may import whom, read from the source (DESIGN section 5), without an exception list."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "genbench").rglob("*.py"))
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/genbench_*/**/*.py"))
PUBLIC = (
    "autoencoders",
    "autoregressive",
    "diffusion",
    "drawing.noise",
    "drawing.one_shot",
    "drawing.seeds",
    "images",
    "testing",
)
"""What a plugin may import besides `genbench` itself; docs/architecture.md says so too."""

ONLY: Mapping[str, tuple[str, ...]] = {
    "hydra": ("config", "cli"),
    "omegaconf": ("config", "cli"),
    "wandb": ("tracking",),
    "pluggy": ("registry", "discovery"),
    "lightning_fabric": ("training", "running"),
    "lightning": ("training", "running"),
}
"""Libraries that only these rooms may import."""

LOOSE = {"__init__", "__main__", "cli", "errors", "images"}
"""The only files outside of a room."""


def name_of(path: Path) -> str:
    """ "genbench/config/entry.py" -> "genbench.config.entry"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in CORE}


def imports(path: Path, for_types: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports, also inside functions; those for type checkers only if asked."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            if for_types:
                for child in node.body:
                    yield from visit(child)
            for child in node.orelse:
                yield from visit(child)
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in MODULES else module
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(path.read_text()))


def room(module: str) -> str:
    """The package directly below genbench, or the loose file: "genbench.config.entry" -> "config"."""
    return module.split(".")[1] if "." in module else "genbench"


def rooms(for_types: bool) -> dict[str, set[str]]:
    """room -> the rooms that it imports."""
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        targets = {room(found) for found in imports(path, for_types) if found.partition(".")[0] == "genbench"}
        graph.setdefault(room(name), set()).update(targets - {room(name), "genbench"})
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of a directed graph, or nothing."""
    done: set[str] = set()

    def search(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for target in sorted(graph.get(node, ())):
            if found := search(target, [*way, node]):
                return found
        done.add(node)
        return []

    for node in sorted(graph):
        if found := search(node, []):
            return found
    return []


@pytest.mark.parametrize("for_types", [False, True], ids=["at run time", "for type checkers too"])
def test_no_circle_between_rooms(for_types: bool) -> None:
    graph = rooms(for_types)
    graph.pop("genbench", None)  # its lazy exports name every room that plugin authors need
    assert circle(graph) == []


@pytest.mark.parametrize("for_types", [False, True], ids=["at run time", "for type checkers too"])
def test_no_circle_between_modules(for_types: bool) -> None:
    graph = {
        name: {found for found in imports(path, for_types) if found in MODULES and found not in (name, "genbench")}
        for name, path in MODULES.items()
    }
    assert circle(graph) == []


def test_the_core_never_imports_a_plugin() -> None:
    for name, path in MODULES.items():
        assert not [found for found in imports(path, True) if found.startswith("genbench_")], name


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_plugins_import_public_modules_and_never_each_other(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    for name in imports(path, True):
        top, _, rest = name.partition(".")
        assert not top.startswith("genbench_") or top == own, f"imports another plugin: {name}"
        if top == "genbench" and rest:
            assert any(rest == public or rest.startswith(f"{public}.") for public in PUBLIC), f"not public: {name}"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_plugins_take_only_exported_names_from_the_top(path: Path) -> None:
    import genbench

    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "genbench":
            assert {alias.name for alias in node.names} <= genbench.EXPORTS.keys()


def test_interfaces_import_torch_and_numpy_only() -> None:
    for name, path in MODULES.items():
        if room(name) == "interfaces":
            others = {found.partition(".")[0] for found in imports(path, True)} - set(sys.stdlib_module_names)
            assert others <= {"torch", "numpy", "genbench"}, name
            assert all(room(found) == "interfaces" for found in imports(path, True) if found.startswith("genbench."))


def test_measurement_imports_neither_torch_nor_numpy() -> None:
    path = MODULES["genbench.interfaces.measurement"]
    assert {found.partition(".")[0] for found in imports(path, True)} <= set(sys.stdlib_module_names)


def test_the_store_imports_measurements_and_errors_only() -> None:
    for name, path in MODULES.items():
        if room(name) == "store":
            others = {found for found in imports(path, True) if found.startswith("genbench.")}
            outside = {found for found in others if room(found) != "store"}
            assert outside <= {"genbench.interfaces.measurement", "genbench.errors"}, name


def test_the_registry_imports_nothing_of_the_rooms_below_it() -> None:
    for name, path in MODULES.items():
        if room(name) == "registry":
            others = {room(found) for found in imports(path, True) if found.startswith("genbench.")}
            assert others <= {"registry", "errors"}, name


@pytest.mark.parametrize(("library", "allowed"), ONLY.items())
def test_some_libraries_are_known_to_one_room_only(library: str, allowed: tuple[str, ...]) -> None:
    knowing = {
        room(name)
        for name, path in MODULES.items()
        if library in {found.partition(".")[0] for found in imports(path, True)}
    }
    assert knowing <= set(allowed)


def test_nothing_imports_the_suites() -> None:
    for name, path in MODULES.items():
        if room(name) != "testing":
            assert not [found for found in imports(path, True) if found.startswith("genbench.testing")], name


def test_only_five_files_are_outside_of_a_room() -> None:
    loose = {path.stem for path in (ROOT / "genbench").glob("*.py")}
    assert loose == LOOSE
    assert (ROOT / "genbench" / "interfaces" / "__init__.py").read_text() == ""


def test_no_room_has_the_name_of_a_public_function() -> None:
    import genbench

    folders = {path.parent.name for path in (ROOT / "genbench").glob("*/__init__.py")}
    assert not folders & genbench.EXPORTS.keys()


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    """A list of small values, such as the samplers, may be longer."""
    lists = {"genbench.diffusion.samplers", "genbench.diffusion.schedules"}
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 310 and name not in lists} == {}


def test_one_class_has_a_standard_error() -> None:
    owners = [
        f"{name}.{node.name}"
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == "standard_error"
    ]
    assert owners == ["genbench.interfaces.measurement.Measurement"]


@pytest.mark.parametrize(
    "command",
    [["--help"], ["list"], ["list", "model"], ["plugins"], ["run", "--help"], ["runs"], ["report", "--help"]],
    ids=" ".join,
)
def test_help_and_listings_import_no_torch(command: list[str]) -> None:
    code = (
        "import sys\nfrom genbench.cli import main\n"
        f"try:\n    main({command!r})\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_folder_of_the_core_is_a_declared_package() -> None:
    import tomllib

    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in CORE} | {"genbench.conf"}
    assert declared == folders


def test_what_type_checkers_see_is_what_is_exported() -> None:
    import genbench

    seen = {}
    for node in ast.walk(ast.parse((ROOT / "genbench" / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("genbench."):
            seen |= {alias.name: node.module for alias in node.names}
    assert seen == genbench.EXPORTS
    for name in genbench.EXPORTS:
        assert getattr(genbench, name) is not None, name


def walks() -> list[list[tuple[str, str]]]:
    """The tables of docs/architecture.md that have the columns "module" and "by"."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    tables = [part.partition("\n\n")[0] for part in text.split("| module | by |\n|---|---|\n")[1:]]
    rows = [
        [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in table.splitlines()] for table in tables
    ]
    return [[(module, by) for module, by in table] for table in rows]


def names(module: str) -> tuple[set[str], set[str]]:
    """What a module defines, and what it mentions."""
    plugin = [path for path in PLUGINS if path.as_posix().endswith(module.replace(".", "/") + ".py")]
    nodes = list(ast.walk(ast.parse((MODULES.get(module) or plugin[0]).read_text())))
    defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    mentioned = {node.id for node in nodes if isinstance(node, ast.Name)}
    return defined, mentioned | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(("number", "longest"), [(0, 11), (1, 9)], ids=["sampler.steps", "a batch of images"])
def test_the_walks_of_the_architecture_page_are_short_and_true(number: int, longest: int) -> None:
    walk = walks()[number]
    assert 5 < len(walk) <= longest
    before = [names(walk[0][0])]
    for module, by in walk[1:]:
        defined, mentioned = names(module)
        calls = any(by in others and by in mentioned for others, _ in before)
        called = any(by in defined and by in others for _, others in before)
        assert calls or called, f"{module} and what stands before it do not meet in '{by}'"
        before.append((defined, mentioned))
