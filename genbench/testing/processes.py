"""What can only be seen in a fresh process: which imports a plugin brings, whether what it registers composes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from genbench.discovery.plugins import load_plugins
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS, optional
from genbench.registry.registrar import CORE

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


def uncomposable(overrides: Collection[str]) -> dict[str, str]:
    """Which of these overrides cannot be composed, and what is said of them."""
    failures = _composed(tuple(sorted({*overrides, *_of_all_plugins()})))
    return {words: why for words, why in failures.items() if words in overrides}


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, str]:
    done = python(COMPOSE, *overrides)
    failures: dict[str, str] = dict.fromkeys(overrides, done.stderr) if done.returncode else json.loads(done.stdout)
    return failures


def _of_all_plugins() -> list[str]:
    """What the suites of all installed plugins ask to compose: starting a process takes longer than composing, so
    one process does it for all of them.
    """
    overrides: list[str] = []
    for entry in load_plugins().registry:
        if entry.provider != CORE and KINDS[entry.kind].group:
            with suppress(AssertionError):  # told to the suite of that plugin
                overrides += compositions(entry)
    return overrides


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
