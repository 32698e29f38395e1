"""The documentation keeps its promises: links lead somewhere, names exist, the plugin page is short and complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from genbench import testing
from genbench.cli import COMMANDS
from genbench.registry.kinds import KINDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "plugins").glob("*/README.md")])
PLUGINS = (ROOT / "docs" / "plugins.md").read_text()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{target} is not there"


@each_page
def test_python_in_the_pages_is_python(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        assert ast.parse(code).body, "a block without code"


@each_page
def test_commands_in_the_pages_exist(page: Path) -> None:
    known = {name for command in COMMANDS for name in _names(command)}
    used = set(re.findall(r"(?:`|^ {4}|^\$ )genbench ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert used <= known


def _names(command: object) -> set[str]:
    """The words that a module of commands adds to argparse."""
    found: set[str] = set()

    class Parser:
        def __getattr__(self, name: str) -> object:
            return lambda *args, **options: Parser()

    class Subparsers:
        def add_parser(self, name: str, **options: object) -> Parser:
            found.add(name)
            return Parser()

    command.add(Subparsers())  # type: ignore[attr-defined]
    return found


def test_the_plugin_page_is_under_100_lines() -> None:
    assert PLUGINS.count("\n") < 100


def test_the_plugin_page_names_every_kind_and_every_suite() -> None:
    assert [kind for kind in KINDS if kind != "model" and f"`{kind}`" not in PLUGINS] == []
    suites = [name for name in testing.__all__ if name.endswith("Conformance")]
    assert [name for name in suites if name not in PLUGINS] == []
