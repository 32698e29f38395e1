"""What can only be seen in a fresh process: which imports a plugin brings, whether what it registers composes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from genbench.discovery.plugins import load_plugins
from genbench.registry.entries import Entry
from genbench.registry.kinds import optional

IMPORTS = """
import sys
from genbench.discovery.plugins import load_plugins
load_plugins()
sys.exit("torch" in sys.modules)
"""
COMPOSE = """
import contextlib, io, json, sys
from genbench.cli import main
failures = {}
for overrides in sys.argv[1:]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            main(["run", "--cfg=job", *overrides.split()])
    except SystemExit as done:
        if done.code:
            failures[overrides] = said.getvalue().strip() or str(done.code)
print(json.dumps(failures))
"""
"""Composes a run for each argument (overrides, separated by spaces) and says which of them cannot be."""


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter that finds the modules which this one finds."""
    path = os.pathsep.join(name for name in sys.path if name)
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


@cache
def imports_torch(provider: str) -> str | None:
    """What is wrong with loading this plugin and the core alone: that torch was imported, or whatever it raised."""
    others = {status.name for status in load_plugins().statuses} - {provider}
    done = python(IMPORTS, GENBENCH_DISABLE=",".join(others))
    return done.stderr or "torch was imported" if done.returncode else None


@cache
def uncomposable(provider: str, overrides: tuple[str, ...]) -> dict[str, str]:
    """Which of these overrides cannot be composed, and what is said of them."""
    done = python(COMPOSE, *overrides)
    if done.returncode:
        return {overrides[0]: done.stderr}
    failures: dict[str, str] = json.loads(done.stdout)
    return failures


def compositions(entry: Entry) -> Iterator[str]:
    """The overrides that choose an entry, and each preset of its plugin; none where no model is installed that a run
    could be composed with.
    """
    registry = load_plugins().registry
    models = [other for other in registry if other.kind == "model"]
    if entry.kind in optional():
        models = [model for model in models if entry.kind in model.uses]
    if entry.kind == "model":
        models = [entry]
    for model in models[:1]:
        yield _chosen(entry.kind, entry.name, model.name)
        for provider, package in registry.config_packages:
            if provider == entry.provider:
                yield from (_chosen(group, name, model.name) for group, name in presets(package))


def _chosen(group: str, name: str, model: str) -> str:
    return f"{group}={name}" if group == "model" else f"{group}={name} model={model}"


def presets(package: str) -> list[tuple[str, str]]:
    """(group, name) of each config of a plugin's config package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"registry.configs('{package}'): there is no such package"
    assert spec.origin is not None, f"'{package}' has no __init__.py, so that Hydra cannot see what is in it"
    files = sorted(Path(spec.origin).parent.glob("*/*.yaml"))
    assert files, f"'{package}' holds no <group>/<name>.yaml: are *.yaml files in the package-data of pyproject.toml?"
    return [(path.parent.name, path.stem) for path in files]
