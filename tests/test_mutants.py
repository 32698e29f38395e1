"""With each defect of tests/mutants.py in a copy of the tree, the test that is there for it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("mutants.py")


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[int, str]]:
    """Exit code of the test and its output, for each mutant by name, and for "no edit"."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: (line["code"], line["output"]) for line in lines}


def test_the_tests_pass_without_an_edit(results: dict[str, tuple[int, str]]) -> None:
    code, output = results["no edit"]
    assert code == 0, output


def test_every_defect_is_noticed(results: dict[str, tuple[int, str]]) -> None:
    defects = {name: result for name, result in results.items() if name != "no edit"}
    assert len(defects) >= 14
    for name, (code, output) in defects.items():
        summary = output.splitlines()[-1]
        assert (code, "1 failed" in summary, "error" in summary) == (1, True, False), f"{name}:\n{output}"
