"""Short names for the runs of a sweep: the model, and only those choices that differ between its runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genbench.store.records import RunRecord

SILENT = ("seed", "training.seed", "sampling.seed", "results", "quick", "tracking")
"""Config that tells replicates apart, or nothing about the numbers."""


def labels(families: Sequence[Sequence[RunRecord]]) -> list[tuple[str, ...]]:
    """One label per family, all different: ("latent_diffusion", "ddim", "steps 10")."""
    flat = [dict(_flatten(family[0].config)) for family in families]
    groups: dict[str, list[int]] = defaultdict(list)
    for i, family in enumerate(families):
        groups[family[0].model.name].append(i)
    found: list[tuple[str, ...]] = [()] * len(families)
    for name, members in groups.items():
        differing = _differing([flat[i] for i in members])
        for i in members:
            choices = dict.fromkeys(_words(key, flat[i][key]) for key in differing if key in flat[i])
            found[i] = (name, *choices)
    repeated = Counter(found)
    return [
        (*label, family[0].family[:8]) if repeated[label] > 1 else label
        for label, family in zip(found, families, strict=True)
    ]


def _differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that take several values among the configs that have them; names of groups before options."""
    values: dict[str, list[Any]] = {}
    for config in configs:
        for key, value in config.items():
            seen = values.setdefault(key, [])
            if value not in seen:
                seen.append(value)
    differing = [key for key, seen in values.items() if len(seen) > 1]
    return sorted(differing, key=lambda key: not key.endswith(".name"))


def _flatten(config: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        path = f"{where}.{key}" if where else key
        if path in SILENT:
            continue
        if isinstance(value, Mapping):
            yield from _flatten(value, path)
        else:
            yield path, value


def _words(path: str, value: Any) -> str:
    """A group's name speaks for itself; of an option the last part of its path is enough."""
    key = path.rpartition(".")[2]
    return str(value) if key == "name" else f"{key} {value}"
