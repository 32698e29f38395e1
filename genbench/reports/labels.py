"""Short names for the rows of a sweep: the model, and only those choices that differ between its runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from genbench.store.records import RunRecord

SILENT = (
    "seed",
    "training.seed",
    "sampling.seed",
    "training.checkpoint_seconds",
    "results",
    "quick",
    "threads",
    "timing",
    "extraction",
    "features",
    "metrics",
    "tracking",
    "objective",
    "sweep",
    "place",
    "sampling.steps",
)
"""Config, or whole groups of it, that tells replicates apart, or nothing about what a row is of."""


def labels(families: Sequence[Sequence[RunRecord]]) -> list[tuple[str, ...]]:
    """One label per family, all different: ("latent_diffusion", "ddim", "steps 10")."""
    configs = [dict(_flatten(family[0].config)) for family in families]
    groups: dict[str, list[int]] = defaultdict(list)
    for i, family in enumerate(families):
        groups[family[0].name].append(i)
    names: list[tuple[str, ...]] = [()] * len(families)
    for name, members in groups.items():
        differing = _differing([configs[i] for i in members])
        for i in members:
            names[i] = (name, *_choices(differing, configs[i]))
    return _distinct(names, [family[0].family for family in families])


def clock_labels(runs: Sequence[RunRecord]) -> list[tuple[str, ...]]:
    """What tells timings of one family apart, given a run of each: ("torch 2.5.1",)."""
    facts = [_clock_facts(run) for run in runs]
    differing = _differing(facts)
    names = [tuple(_choices(differing, fact)) for fact in facts]
    return _distinct(names, [run.timing.family if run.timing else "not timed" for run in runs])


def _clock_facts(run: RunRecord) -> dict[str, Any]:
    """What a timing depends on besides the model; a timing from the store says itself where it was made."""
    if run.timing is None:
        return {}
    made = next((a.made for a in run.artifacts if a.made and a.id == run.timing.id), None) or run.provenance
    return {"batch": run.timing.batch_size, "fast": run.timing.fast, **made.hardware, **made.versions}


def _choices(keys: Iterable[str], config: Mapping[str, Any]) -> Iterable[str]:
    """The values of these keys in words, each once."""
    return dict.fromkeys(_words(key, config[key]) for key in keys if key in config)


def _distinct(names: Sequence[tuple[str, ...]], ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Names that are the same get the start of their id."""
    repeated = Counter(names)
    return [(*name, id[:8]) if repeated[name] > 1 else name for name, id in zip(names, ids, strict=True)]


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
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if key == "name" else f"{key} {text}"
