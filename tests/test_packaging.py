"""What pyproject.toml says of us is so: packages, files, dependencies, groups, Pythons; a start without a developer's
tools.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PLUGINS = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def project(path: Path = ROOT / "pyproject.toml") -> dict[str, Any]:
    """The content of a pyproject.toml."""
    return tomllib.loads(path.read_text())


def folders() -> Iterator[Path]:
    """Every package of the core, as a folder."""
    yield from (path.parent for path in sorted((ROOT / "genbench").rglob("__init__.py")))


def name_of(folder: Path) -> str:
    """The package that lies in this folder."""
    return ".".join(folder.relative_to(ROOT).parts)


def test_the_listed_packages_are_the_folders_there_are() -> None:
    listed = project()["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted([*map(name_of, folders()), "genbench.conf"])


def test_every_file_of_a_package_is_packaged() -> None:
    patterns = project()["tool"]["setuptools"]["package-data"]
    left_out = [
        path
        for path in [*(ROOT / "genbench").rglob("*"), *(ROOT / "conf").rglob("*")]
        if path.is_file() and path.suffix not in (".py", ".pyc") and not _packaged(path, patterns)
    ]
    assert left_out == []


def _packaged(path: Path, patterns: dict[str, list[str]]) -> bool:
    """Whether package-data names the file, from the folder of a package that it lies in or below."""
    return any(
        fnmatch(path.relative_to(folder).as_posix(), pattern)
        for folder in path.parents
        if (folder / "__init__.py").exists()
        for pattern in [*patterns["*"], *patterns.get(name_of(folder), [])]
    )


def test_what_is_imported_is_declared() -> None:
    content = project()["project"]
    declared = names([*content["dependencies"], *(r for e in content["optional-dependencies"].values() for r in e)])
    brought_by = packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "genbench").rglob("*.py")
        for module in _imported(path)
        if module in brought_by and not declared & set(map(canonicalize_name, [*brought_by[module], module]))
    }
    assert undeclared == set()


def _imported(path: Path) -> set[str]:
    """Top-level modules that a file imports, wherever in it, the standard library and ourselves left out."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules - sys.stdlib_module_names - {"genbench"}


def names(requirements: Iterable[str]) -> set[str]:
    """The distributions that these ask for."""
    return {canonicalize_name(Requirement(text).name) for text in requirements}


@pytest.mark.parametrize(
    ("private", "place"),
    [
        (r"hydra\._internal", "config/launchers.py"),  # tests/integration/test_launched.py
        (r"parser\._\w+|argparse\._\w+", "commands/completion.py"),  # tests/commands/test_completion_words.py
    ],
)
def test_a_private_name_of_a_library_stands_in_one_place(private: str, place: str) -> None:
    found = [
        str(path.relative_to(ROOT / "genbench"))
        for path in (ROOT / "genbench").rglob("*.py")
        for _ in re.findall(rf"\b{private}\b", path.read_text())
    ]
    assert found == [place]


def test_dependency_groups_are_the_extras_that_old_pips_can_install() -> None:
    groups, extras = project()["dependency-groups"], project()["project"]["optional-dependencies"]
    assert {name: groups[name] for name in ("test", "lint")} == {name: extras[name] for name in ("test", "lint")}
    assert groups["dev"] == [{"include-group": "test"}, {"include-group": "lint"}]


def test_requirements_are_everything_in_a_form_that_every_pip_reads() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    places = [re.fullmatch(r"-e ([\w./]+)(?:\[([\w,]+)\])?", line) for line in lines]
    asked_for = {place[1]: place[2] for place in places if place}
    assert len(asked_for) == len(lines)
    assert set(asked_for) == {".", *(str(path.parent.relative_to(ROOT)) for path in PLUGINS)}
    assert set(asked_for["."].split(",")) == set(project()["project"]["optional-dependencies"])


@pytest.mark.parametrize("path", [ROOT / "pyproject.toml", *PLUGINS], ids=lambda path: path.parent.name)
def test_pythons_are_declared(path: Path) -> None:
    content = project(path)["project"]
    prefix = "Programming Language :: Python :: "
    declared = [line.removeprefix(prefix) for line in content["classifiers"] if line.startswith(prefix)]
    assert tuple(declared) == PYTHONS
    assert content["requires-python"] == f">={PYTHONS[0]}"


STRANGER = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *rest):
        return None if name.partition(".")[0] in refused else self.finder.find_spec(name, *rest)
refused = set(sys.argv.pop(1).split(","))
sys.meta_path[:] = map(Without, sys.meta_path)
from genbench.cli import main
for command in ["--help"], ["list"], sys.argv[1:]:
    try:
        main(command)
    except SystemExit as ended:
        assert not ended.code, (command, ended.code)
print(sorted(refused & set(sys.modules)))
"""


def test_help_list_and_a_quick_run_need_no_package_of_developers(tmp_path: Path) -> None:
    ours = {"genbench", *(project(path)["project"]["name"] for path in PLUGINS)}
    needed = closure(ours)
    refused = sorted(
        module for module, brought_by in packages_distributions().items()
        if not needed & set(map(canonicalize_name, brought_by))
    )  # fmt: skip
    assert {"pytest", "torchmetrics", "diffusers", "wandb"} <= set(refused)
    assert not {"torch", "hydra", "genbench_gan"} & set(refused)
    toy = ["training.budget=steps:2", "sampling.num_samples=100", "timing.repetitions=1", "timing.seconds=0.1"]
    words = ["run", "model=gan_tiny", "debug=quick", f"results={tmp_path}", *toy]
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, ",".join(refused), *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert "latent_diffusion" in done.stdout
    assert len(list(tmp_path.glob("*/result.json"))) == 1


def closure(distributions: Iterable[str]) -> set[str]:
    """These installed distributions and all that they need, extras only where one asks for them."""
    needed: dict[str, set[str]] = {}
    waiting = [(name, frozenset[str]()) for name in distributions]
    while waiting:
        name, extras = waiting.pop()
        if canonicalize_name(name) in needed and extras <= needed[canonicalize_name(name)]:
            continue
        try:
            texts = requires(name) or []
        except PackageNotFoundError:  # for another system or Python
            continue
        needed.setdefault(canonicalize_name(name), set()).update(extras)
        for requirement in map(Requirement, texts):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return set(needed)
