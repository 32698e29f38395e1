"""Who may import whom, read from the source (DESIGN section 5)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "genbench").rglob("*.py"))
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/genbench_*/**/*.py"))
PUBLIC = ("autoencoders", "autoregressive", "diffusion", "drawing.noise", "samplers", "seeds", "testing")
"""What a plugin may import besides `genbench` itself; docs/architecture.md says so too."""


def imports(path: Path) -> Iterator[str]:
    """Full names of imported modules; `from genbench import X` counts as "genbench"."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module or ""


def core_name(path: Path) -> str:
    """ "config/entry.py" -> "config.entry"."""
    return ".".join(path.relative_to(ROOT / "genbench").with_suffix("").parts)


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def importers(*packages: str) -> set[str]:
    return {core_name(path) for path in CORE if tops(path) & set(packages)}


def test_the_core_never_imports_a_plugin() -> None:
    assert [core_name(path) for path in CORE if any(top.startswith("genbench_") for top in tops(path))] == []


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_plugins_import_public_modules_and_never_each_other(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    for name in imports(path):
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
    path = ROOT / "genbench" / "interfaces.py"
    assert tops(path) - set(sys.stdlib_module_names) == {"torch", "numpy"}


def test_only_config_knows_hydra() -> None:
    found = importers("hydra", "omegaconf")
    assert found
    assert {name for name in found if not name.startswith("config.")} <= set()


def test_only_tracking_knows_wandb() -> None:
    assert all(name.startswith("tracking.") for name in importers("wandb"))


def test_only_the_plugin_modules_know_pluggy() -> None:
    assert importers("pluggy") == {"plugins", "hookspecs"}


def test_only_training_knows_lightning() -> None:
    found = importers("lightning", "lightning_fabric")
    assert {name for name in found if not name.startswith("testing.")} == {"training", "trained"}


@pytest.mark.parametrize("package", ["metrics", "features", "diffusion", "samplers", "drawing", "data", "statistics"])
def test_leaves_do_not_know_the_program(package: str) -> None:
    above = {
        "genbench.running.benchmark",
        "genbench.cli",
        "genbench.config",
        "genbench.running.model",
        "genbench.measuring.evaluator",
    }
    for path in CORE:
        if core_name(path).startswith(f"{package}."):
            assert not above & set(imports(path)), path


@pytest.mark.parametrize("command", [["--help"], ["list"], ["list", "model"], ["plugins"], ["run", "--help"]])
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
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in CORE} | {"genbench.conf"}
    assert declared == found


def test_what_type_checkers_see_is_what_is_exported() -> None:
    import genbench

    seen = {}
    for node in ast.walk(ast.parse((ROOT / "genbench" / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("genbench."):
            seen |= {alias.name: node.module for alias in node.names}
    assert seen == genbench.EXPORTS
    for name, module in genbench.EXPORTS.items():
        assert getattr(genbench, name).__module__ == module or name in ("hookimpl",)
