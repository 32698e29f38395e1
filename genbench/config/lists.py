"""From one command to its jobs: axes multiplied out, lists of experiment presets joined, unused groups left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from genbench.config.commandline import CommandLine, parse_overrides, typed, values_of
from genbench.config.mistakes import MistakeError
from genbench.config.presets import packages
from genbench.registry.kinds import optional
from genbench.registry.registrar import Registry


@dataclass(frozen=True)
class JobWords:
    """One job as it would be typed: its overrides, and its place on the axes of its list, the `of_list`-th."""

    overrides: tuple[str, ...]
    of_list: int = 0
    axes: Mapping[str, str] = field(default_factory=dict)

    def value(self, group: str) -> str | None:
        """What the overrides choose for a group, the last word winning; None if they say nothing."""
        chosen = [word.partition("=")[2] for word in self.overrides if word.partition("=")[0] == group]
        return chosen[-1] if chosen else None


def jobs_of(command: CommandLine, registry: Registry, folders: Sequence[Path] = ()) -> list[JobWords]:
    """Every job of the command, in order. Raises MistakeError for several values without -m.

    Each list of an experiment preset is multiplied out by itself, together with the axes that were typed, which win
    over the preset's; a command without presets is one list.
    """
    several = command.several
    if several and not command.multirun:
        override = several[0]
        raise MistakeError(f"{override.input_line}: several values need -m: genbench run -m {override.input_line} …")
    experiments = [override for override in command.overrides if override.key_or_group == "experiment"]
    jobs: list[JobWords] = []
    number = itertools.count()
    for name in values_of(experiments[-1]) if experiments else [""]:
        lists = preset_lists(name, registry, folders) if name not in ("", "null") else [{}]
        if any(lists) and not command.multirun:
            raise MistakeError(f"experiment={name} asks for several runs, which needs -m: genbench run -m …")
        for preset in lists:
            jobs += _multiplied(command.overrides, preset, {"experiment": name}, next(number))
    return jobs


def _multiplied(
    overrides: Sequence[Override], preset: Mapping[str, str], chosen: Mapping[str, str], of_list: int
) -> Iterator[JobWords]:
    """The jobs of one list; `chosen` fixes the value of overrides that choose the list."""
    said = {override.key_or_group for override in overrides}
    preset_overrides = parse_overrides([f"{key}={value}" for key, value in preset.items() if key not in said])
    every = [*overrides, *preset_overrides]
    options = [
        [chosen[override.key_or_group]] if override.key_or_group in chosen and override.is_sweep_override()
        else values_of(override)
        for override in every
    ]  # fmt: skip
    for values in itertools.product(*options):
        words = tuple(typed(override, value) for override, value in zip(every, values, strict=True))
        axes = {
            str(override.key_or_group): value
            for override, value in zip(every, values, strict=True)
            if override.is_sweep_override()
        }
        yield JobWords(words, of_list, axes)


def preset_lists(name: str, registry: Registry, folders: Sequence[Path] = ()) -> list[dict[str, str]]:
    """The lists of overrides that an experiment preset asks for: its `sweep`, a list of mappings from option to values,
    or Hydra's own `hydra.sweeper.params`; one empty list for a preset that only sets things.
    """
    places = [files(package).joinpath("experiment", f"{name}.yaml") for _, package in packages(registry)]
    places += [folder / "experiment" / f"{name}.yaml" for folder in folders]
    for place in places:
        if place.is_file():
            content = OmegaConf.create(place.read_text(encoding="utf-8"))
            lists = OmegaConf.select(content, "sweep")
            params = OmegaConf.select(content, "hydra.sweeper.params")
            return [_texts(entry) for entry in lists or ([params] if params else [{}])]
    return [{}]


def _texts(entry: Any) -> dict[str, str]:
    """Values as they would be typed: YAML's true and null have other names in Python."""
    words = {True: "true", False: "false", None: "null"}
    return {str(key): words.get(value, str(value)) if not isinstance(value, int | float) or isinstance(value, bool)
            else str(value) for key, value in entry.items()}  # fmt: skip


def without_unused(jobs: Sequence[JobWords], registry: Registry) -> tuple[list[JobWords], list[str]]:
    """The jobs without groups that their model does not use and another one of the sweep does, and a line for each
    thing that was left out. Jobs that became equal are one.
    """
    kept: dict[tuple[str, ...], JobWords] = {}
    lines: dict[str, None] = {}
    used = {group for job in jobs for group in _uses(job, registry)}
    for job in jobs:
        unused = used - set(_uses(job, registry))
        words = {word: group for word in job.overrides if (group := group_of(word)) in unused}
        lines |= {
            f"{word} is left out for model={job.value('model')}, which uses no {group}": None
            for word, group in words.items()
        }
        overrides = tuple(word for word in job.overrides if word not in words)
        axes = {key: value for key, value in job.axes.items() if f"{key}={value}" not in words}
        kept.setdefault(overrides, replace(job, overrides=overrides, axes=axes))
    return list(kept.values()), list(lines)


def group_of(word: str) -> str:
    """The group that an override belongs to: "guidance" of guidance.scale=2."""
    return word.lstrip("+~").partition("=")[0].partition("@")[0].partition(".")[0]


def _uses(job: JobWords, registry: Registry) -> tuple[str, ...]:
    """The optional groups of the job's model, which a preset may name; all of them where nobody knows it."""
    model = registered(job.value("model") or "", registry)
    return registry.get("model", model).uses if model else optional()


def registered(name: str, registry: Registry) -> str:
    """The registered model of this name, or the one that the preset of this name builds upon; "" where neither is."""
    if name in registry.names("model"):
        return name
    for _, package in packages(registry):
        preset = files(package).joinpath("model", f"{name}.yaml")
        if preset.is_file():
            content = OmegaConf.create(preset.read_text(encoding="utf-8"))
            bases = OmegaConf.select(content, "defaults") or []
            return next((str(base) for base in bases if base in registry.names("model")), "")
    return ""
