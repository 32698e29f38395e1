"""The columns of a sweep's table: where each number is read, how it is headed and written, and whether it ranks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from genbench.reports.cells import number, scaled, significant
from genbench.statistics.replicates import Estimate
from genbench.store.records import RunRecord, Scores

NAMES = {
    "frechet_distance": "FD",
    "kid": "KID",
    "inception_score": "IS",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "vendi_score": "Vendi",
    "bits_per_dim": "bits/dim",
}
"""Headings, in the order of the columns; metrics of plugins follow under their own names."""

ARROWS = {"lower": "↓", "higher": "↑"}
UNRANKED = ("vendi_score",)
"""Scores of variety alone: noise beats every model and real images, so more is not better and nobody leads."""


@dataclass(frozen=True)
class Reading:
    """One run's number. Runs of equal `source` share one measurement, so it counts once among replicates; only
    readings of equal `protocol` may be ranked against each other.
    """

    value: float
    error: float | None
    source: str
    protocol: Hashable = None
    contended: bool = False
    reused: bool = False


@dataclass(frozen=True)
class Column:
    """`direction` is None for facts that are not ranked."""

    heading: tuple[str, str]
    read: Callable[[RunRecord], Reading | None]
    write: Callable[[Estimate], tuple[str, str]]
    direction: str | None = None


def shown_scores(records: Sequence[RunRecord]) -> tuple[list[str], list[str]]:
    """Keys of the scores that get a column, and of those that stay in result.json.

    The Fréchet distance is shown for every extractor; everything else for the one with most scores (a classifier has
    more than raw pixels have), the first of them at a tie.
    """
    keys = dict.fromkeys(key for record in records for key in record.metrics)
    count = {extractor: sum(_extractor(key) == extractor for key in keys) for extractor in map(_extractor, keys)}
    extractors = [name for name in count if name != "model"]
    main = max(extractors, key=count.__getitem__, default="")
    shown = {key for key in keys if _metric(key) == "frechet_distance" or _extractor(key) in (main, "model")}
    order = [*NAMES, *sorted({_metric(key) for key in keys} - set(NAMES))]
    by_place = sorted(keys, key=lambda key: (order.index(_metric(key)), _extractor(key) != main))
    return [key for key in by_place if key in shown], [key for key in by_place if key not in shown]


def score_columns(
    keys: Sequence[str], records: Sequence[RunRecord], scores: Callable[[RunRecord], Scores]
) -> list[Column]:
    """Columns for these scores, which `scores` finds in a record; those that no record has are left out."""
    found = {key: next((scores(record)[key] for record in records if key in scores(record)), None) for key in keys}
    return [_score_column(key, score.direction, scores) for key, score in found.items() if score]


def cost_columns(records: Sequence[RunRecord]) -> list[Column]:
    """What an image costs; latency is at batch 1. Times are ranked; facts about the network are not."""
    sizes = {record.sampling.batch_size for record in records if record.sampling}
    batch = f"batch {sizes.pop()} " if len(sizes) == 1 else ""
    return [
        Column(
            ("images/s", f"{batch}↑"), _clock("images_per_second", "images_per_second_error"), _with_spread, "higher"
        ),
        Column(("latency ms", "p50 ↓"), _clock("latency_ms_p50", "latency_ms_p50_error"), _with_spread, "lower"),
        Column(("latency ms", "p90 ↓"), _clock("latency_ms_p90", "latency_ms_p90_error"), _with_spread, "lower"),
        Column(("NFE", "per image"), _fact("nfe"), _plain),
        Column(("depth", "in calls"), _fact("sequential_depth"), _plain),
        Column(("parameters", ""), _parameters, _scaled),
        Column(("FLOP", "per image"), _fact("flops_per_image"), _scaled),
        Column(("memory", "peak bytes"), _fact("peak_memory_bytes"), _scaled),
        Column(("training", "seconds"), _training, _with_spread),
    ]


def describe(key: str) -> str:
    """A score in the words of the headings: "FD(pixels)", "recall(digits)"."""
    metric, extractor = _metric(key), _extractor(key)
    if metric == "frechet_distance" and extractor == "inception":
        return "FID"
    return f"{NAMES.get(metric, metric)}({extractor})"


def _score_column(key: str, direction: str, scores: Callable[[RunRecord], Scores]) -> Column:
    metric, extractor = _metric(key), _extractor(key)
    ranked = None if metric in UNRANKED else direction
    arrow = ARROWS[ranked] if ranked else ""
    if metric == "frechet_distance":
        heading = describe(key), arrow
    else:
        heading = NAMES.get(metric, metric), f"{'' if extractor == 'model' else extractor} {arrow}".strip()
    return Column(heading, _reader(key, scores), _with_spread, ranked)


def _reader(key: str, scores: Callable[[RunRecord], Scores]) -> Callable[[RunRecord], Reading | None]:
    def read(record: RunRecord) -> Reading | None:
        score = scores(record).get(key)
        if score is None or record.artifacts is None:
            return None
        prints = [item.fingerprint for item in record.features if item.name == _extractor(key)]
        source = record.artifacts.model if _extractor(key) == "model" else record.artifacts.samples
        return Reading(score.value, score.standard_error, source, (*prints, score.n, score.estimand))

    return read


def _clock(value: str, error: str = "") -> Callable[[RunRecord], Reading | None]:
    def read(record: RunRecord) -> Reading | None:
        clock = record.sampling
        if clock is None or record.artifacts is None:
            return None
        return Reading(
            getattr(clock, value),
            getattr(clock, error) if error else None,
            record.artifacts.timing,
            contended=clock.contended,
            reused=clock.reused,
        )

    return read


def _fact(name: str) -> Callable[[RunRecord], Reading | None]:
    def read(record: RunRecord) -> Reading | None:
        if record.sampling is None or record.artifacts is None:
            return None
        return Reading(getattr(record.sampling, name), None, record.artifacts.timing)

    return read


def _parameters(record: RunRecord) -> Reading | None:
    if record.model.parameters is None:
        return None
    return Reading(record.model.parameters, None, record.run_id)


def _training(record: RunRecord) -> Reading | None:
    if record.training is None or record.artifacts is None:
        return None
    return Reading(record.training.seconds, None, record.artifacts.model, reused=record.training.reused)


def _with_spread(estimate: Estimate) -> tuple[str, str]:
    return number(estimate.value, estimate.spread)


def _plain(estimate: Estimate) -> tuple[str, str]:
    return significant(estimate.value), ""


def _scaled(estimate: Estimate) -> tuple[str, str]:
    return scaled(estimate.value), ""


def _extractor(key: str) -> str:
    return key.partition("/")[0]


def _metric(key: str) -> str:
    return key.partition("/")[2]
