"""What can only be seen in a fresh process: which imports a plugin brings, whether its presets compose."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

COMPOSE = """
import sys
from genbench.cli import main
for overrides in sys.argv[1:]:
    try:
        main(["run", "--cfg=job", *overrides.split()])
    except SystemExit as done:
        if done.code:
            sys.exit(f"{overrides}: {done.code}")
"""
"""Composes a run for each argument (overrides, separated by spaces) and ends with the first that fails."""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter that finds the modules which this one finds."""
    path = os.pathsep.join(name for name in sys.path if name)
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


def presets(package: str, model: str) -> list[str]:
    """For each config of a plugin's config package, the overrides that choose it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"registry.configs('{package}'): there is no such package"
    assert spec.origin is not None, f"'{package}' has no __init__.py, so that Hydra cannot see what is in it"
    files = sorted(Path(spec.origin).parent.glob("*/*.yaml"))
    assert files, f"'{package}' holds no <group>/<name>.yaml: are *.yaml files in the package-data of pyproject.toml?"
    chosen = [(path.parent.name, path.stem) for path in files]
    return [f"{group}={name}" + ("" if group == "model" else f" model={model}") for group, name in chosen]
