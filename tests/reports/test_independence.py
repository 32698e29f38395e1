"""One class of numbers in the whole program; and tables, exports and trackers that need nothing which made them."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import genbench.reports
import genbench.tracking

ROOT = Path(__file__).parents[2]


def classes_with(field):
    """Every class of the program that declares this field."""
    found = []
    for path in [*(ROOT / "genbench").rglob("*.py"), *(ROOT / "plugins").glob("*/genbench_*/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                declared = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
                if any(isinstance(target, ast.Name) and target.id == field for target in declared):
                    found.append(node.name)
    return found


def test_a_measurement_is_the_only_number_with_a_standard_error():
    assert classes_with("standard_error") == ["Measurement"]


def test_tables_and_trackers_need_neither_torch_nor_numpy():
    packages = (genbench.reports, genbench.tracking)
    names = [module.name for p in packages for module in pkgutil.iter_modules(p.__path__, f"{p.__name__}.")]
    assert {"genbench.reports.table", "genbench.reports.exports", "genbench.tracking.wandb"} <= set(names)
    code = (
        "import importlib, sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'numpy', 'wandb', 'genbench.metrics', 'genbench.discovery')))\n"
        f"for name in {names!r}:\n    importlib.import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
