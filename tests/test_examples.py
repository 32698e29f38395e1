"""Examples, the notebook and the page of the Python API do what they say, with toy budgets, in one results folder."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import genbench

pytest.importorskip("pandas")

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
PAGE = (ROOT / "docs" / "python-api.md").read_text()

ONE_AFTER_ANOTHER = """
import json, sys
namespace = {"__name__": "__main__"}
for number, code in enumerate(json.loads(sys.stdin.read())):
    exec(compile(code, f"block {number}", "exec"), namespace)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all of them run: what one has trained, the next one finds."""
    return tmp_path_factory.mktemp("examples")


def python(folder: Path, *arguments: str, text: str = "") -> str:
    """What `python ARGUMENTS` prints in the folder, every warning an error."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "GENBENCH_LOCKS": str(folder / "locks")}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder, env=environment, input=text, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


SHOWN = {
    "compare_models": ["gan", "pixelcnn", "2 seeds", "uniform noise", "is done: FD"],
    "data_frame": ["pixels/frechet_distance", "images_per_second", "standard_error"],
    "evaluate_folder": ["sharp", "blurred", "FD(digits)"],
    "own_metric": ["held_out", "levels"],
    "own_sampler": ["consistency", "heun"],
}


def test_every_script_is_known_here_and_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert sorted(SHOWN) == [script.stem for script in SCRIPTS]
    assert [path.name for path in [*SCRIPTS, *EXAMPLES.glob("*.ipynb")] if path.name not in listed] == []


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_runs_and_shows_what_it_is_about(name: str, folder: Path) -> None:
    said = python(folder, str(EXAMPLES / f"{name}.py"))
    assert [words for words in SHOWN[name] if words not in said] == []


def test_blurred_images_are_worse_than_sharp_ones(folder: Path) -> None:
    sweep = genbench.load(folder / "results", newest_of(folder, "genbench.evaluate"))
    distances = {record.name: record.rows["generated"]["digits/frechet_distance"] for record in sweep.records}
    assert distances["sharp"].value + 10 * distances["sharp"].standard_error < distances["blurred"].value


def newest_of(folder: Path, command: str) -> str:
    """The id of the newest sweep whose command begins so."""
    for path in sorted((folder / "results" / "sweeps").glob("*/sweep.json"), reverse=True):
        if json.loads(path.read_text())["command"].startswith(command):
            return path.parent.name
    raise LookupError(command)


def test_the_notebook_runs_without_jupyter(folder: Path) -> None:
    notebook = json.loads((EXAMPLES / "quickstart.ipynb").read_text())
    assert (notebook["nbformat"], {cell["cell_type"] for cell in notebook["cells"]}) == (4, {"markdown", "code"})
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert "pixelcnn" in python(folder, "-c", ONE_AFTER_ANOTHER, text=json.dumps(code))


COLUMNS = "\nwith open('columns.json', 'w') as file: json.dump([str(name) for name in frame.columns], file)"


def test_the_page_of_the_python_api_runs_from_top_to_bottom(folder: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    said = python(folder, "-c", ONE_AFTER_ANOTHER, text=json.dumps([*blocks, "import json" + COLUMNS]))
    assert len(blocks) >= 7
    assert "unknown model 'gann'. Did you mean 'gan'?" in said
    assert "torch.uint8" in said
    table = PAGE[PAGE.index("| column | is |") :].partition("\n\n")[0]
    documented = [name for line in table.splitlines()[2:] for name in re.findall(r"`([\w.]+)`", line.split("|")[1])]
    assert documented == json.loads((folder / "columns.json").read_text())


def test_the_page_of_the_python_api_names_all_that_is_exported() -> None:
    assert [name for name in genbench.EXPORTS if f"`{name}`" not in PAGE] == []
    called = {node.attr for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
              for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Attribute)}  # fmt: skip
    assert {"run", "load", "evaluate", "dataset", "frame"} <= called
