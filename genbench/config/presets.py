"""Presets: the YAML files of the core's and the plugins' config packages, by group and name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from genbench.registry.registrar import Registry

CONFIGS = "genbench.conf"
"""The core's own config package."""


@dataclass(frozen=True)
class Preset:
    """One preset: `group=name` chooses it; `line` is its first comment."""

    group: str
    name: str
    line: str
    provider: str


def packages(registry: Registry) -> list[tuple[str, str]]:
    """Every config package and who brings it."""
    return [("genbench", CONFIGS), *registry.config_packages]


def every_preset(registry: Registry) -> Iterator[Preset]:
    """All presets, the core's first."""
    for provider, package in packages(registry):
        for group in sorted(files(package).iterdir(), key=lambda place: place.name):
            if group.is_dir():
                for file in sorted(group.iterdir(), key=lambda place: place.name):
                    if file.name.endswith(".yaml"):
                        yield Preset(group.name, file.name.removesuffix(".yaml"), _line(file), provider)


def _line(file: Traversable) -> str:
    """The first comment that says something to people: not Hydra's package line."""
    for line in file.read_text(encoding="utf-8").splitlines():
        words = line.removeprefix("#").strip()
        if line.startswith("#") and words and not words.startswith("@package"):
            return words
    return ""
