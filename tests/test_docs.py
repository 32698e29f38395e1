"""The documentation keeps its promises: links and commands lead somewhere, names exist, nothing is left out."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from genbench import testing
from genbench.cli import COMMANDS, parser
from genbench.commands.completion import complete
from genbench.config.commandline import parse
from genbench.config.entry import Prepared, prepare
from genbench.config.presets import every_preset
from genbench.config.schema import settings
from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import DISABLE, load_plugins
from genbench.drawing.locks import VARIABLE
from genbench.registry.kinds import KINDS, groups, several

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")])
PLUGINS = (DOCS / "plugins.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
EVERYTHING = "\n".join(page.read_text() for page in [ROOT / "README.md", *DOCS.rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose):
        if "://" not in target and not target.startswith("mailto:"):
            name, _, anchor = target.partition("#")
            place = page.parent / name if name else page
            assert place.exists(), f"{target} is not there"
            assert not anchor or anchor in _anchors(place), f"{name} has no heading #{anchor}"


def _anchors(page: Path) -> set[str]:
    """What the headings of a page are linked by."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_python_in_the_pages_is_python(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        assert ast.parse(code).body, "a block without code"


COMMAND = re.compile(r"(?:`|^|\$ |&& )(?:torchrun [\w -]+ -m )?(genbench [^`\n]+)", re.MULTILINE)
UNTOLD = re.compile(r"…|\.\.\.|\b[A-Z]{2,}\b|--[\w-]+$")
"""Marks of a command that leaves something to the reader."""


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every whole command of a page, in blocks and in the text; one word alone is only a name."""
    text = re.sub(r"^```text\n.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in COMMAND.findall(re.sub(r"^ {4}", "", text, flags=re.MULTILINE)):
        words = shlex.split(line.replace("`", ""), comments=True)[1:]
        if len(words) > 1 and not UNTOLD.search(" ".join(words)) and words[0] in names():
            yield words


def names() -> set[str]:
    """The words that follow `genbench`."""
    return set(complete([""], parser()))


@each_page
def test_commands_in_the_pages_exist(page: Path) -> None:
    used = set(re.findall(r"(?:`|^ {4}|^|\$ )genbench ([a-z][a-z-]*)\b", page.read_text(), re.MULTILINE))
    assert used <= names()


@each_page
def test_commands_in_the_pages_are_understood(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        if words[0] != "run":
            assert parser().parse_args(words).action, words
        elif page.name != "plugins.md" and page.parent.name != "plugins":  # those name what the page itself makes
            assert plans_of(*words[1:], "debug=quick").plans, words
    assert list(tmp_path.iterdir()) == []


def plans_of(*words: str) -> Prepared:
    """The checked plans of `genbench run WORDS`."""
    command = parse([word for word in words if not word.startswith("--cfg") and word != "job"])
    return prepare(command, "a-sweep", "genbench run")


def test_there_are_commands_in_the_pages() -> None:
    in_readme = list(commands(ROOT / "README.md"))
    assert len(in_readme) > 10
    assert ["run", "-m", "model=latent_diffusion,gan,pixelcnn"] in in_readme
    assert sum(len(list(commands(page))) for page in PAGES) > 40


def test_every_command_is_named() -> None:
    assert len(names()) >= len(COMMANDS)
    assert [name for name in names() if f"genbench {name}" not in EVERYTHING] == []


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading, on the page of the configuration."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", CONFIGURATION, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_page_of_the_configuration_has_every_group_with_its_default() -> None:
    defaults = {
        str(key).removeprefix("override "): value
        for entry in OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "config.yaml"))["defaults"]
        if isinstance(entry, dict)
        for key, value in entry.items()
    }
    table = {group.strip("`"): default for group, _, default in rows("group")}
    assert list(table) == list(groups())
    assert (table.pop("model"), table.pop("sampler"), table.pop("schedule")) == (
        "must be named", "the model's", "the model's")  # fmt: skip
    for group, default in table.items():
        assert default == (f"`[{','.join(defaults[group])}]`" if group in several() else f"`{defaults[group]}`")


def test_the_page_of_the_configuration_has_every_setting() -> None:
    expected = [
        [f"`{one.name}`", one.type.replace("|", "or"), f"`{one.default}`" if one.default else "", one.line]
        for one in settings()
    ]
    assert rows("setting") == expected


def test_the_page_of_the_configuration_names_presets_and_environment_variables() -> None:
    presets = {f"{preset.group}={preset.name}" for preset in every_preset(load_plugins().registry)}
    named = re.findall(r"`(\w+=\w+)`", CONFIGURATION[CONFIGURATION.index("## Presets") :])
    assert {"model=gan_tiny", "debug=quick"} <= presets & set(named)
    assert [row[0] for row in rows("variable")] == [f"`{name}`" for name in (FOLDERS, DISABLE, VARIABLE)]


def test_the_experiment_on_the_page_of_the_configuration_is_six_runs(tmp_path: Path) -> None:
    (experiment,) = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "solvers.yaml").write_text(experiment)
    prepared = plans_of("-m", "--config-dir", str(tmp_path), "experiment=solvers", "seed=7,8", "debug=quick")
    runs = [(plan.model.name, plan.sampler.name, plan.training.seed, plan.place.of_list) for plan in prepared.plans]
    solvers = [("latent_diffusion", solver, seed, 0) for solver in ("ddim", "heun") for seed in (7, 8)]
    others = [("gan", "one_shot"), ("pixelcnn", "raster")]
    assert sorted(runs) == sorted([*solvers, *((*other, seed, 1) for other in others for seed in (7, 8))])


def test_the_walk_through_a_plugin_is_under_100_lines() -> None:
    walk, heading, _ = PLUGINS.partition("\n## The kinds")
    assert heading
    assert walk.count("\n") < 100


def test_the_plugin_page_names_every_kind_and_every_suite() -> None:
    assert [kind for kind in KINDS if kind != "model" and f"`{kind}`" not in PLUGINS] == []
    suites = [name for name in testing.__all__ if name.endswith("Conformance")]
    assert [name for name in suites if name not in PLUGINS] == []
