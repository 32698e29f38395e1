"""The columns of a sweep's table: which measurement each shows, how it is headed and written, and whether it ranks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from genbench.interfaces.measurement import Direction, MeasureInfo, Measurement
from genbench.reports.cells import number, scaled, significant
from genbench.statistics.replicates import Estimate
from genbench.store.records import AT_HELD_OUT, GENERATED, Measurements, RunRecord

ARROWS = {"lower": "↓", "higher": "↑"}
FRECHET = "frechet_distance"
"""Called FID on Inception-v3's features only, and shown for every extractor."""
COSTS = "costs"
"""The name of the row that a record's costs make."""

Write = Callable[[Estimate], tuple[str, str]]
"""An estimate as text, and what stands after its ±."""


@dataclass(frozen=True)
class Member:
    """One run's measurements of one row: a name in `record.rows`, or COSTS."""

    record: RunRecord
    row: str
    measurements: Measurements


@dataclass(frozen=True)
class Column:
    """The measurement of one key, in every row that has it. `direction` is None for what is not ranked.

    Members of equal `source` share one measurement. `earlier` says whether an earlier run measured it, or paid for it.
    """

    key: str
    heading: tuple[str, str]
    write: Write
    source: Callable[[Member], Hashable]
    direction: Direction | None = None
    earlier: Callable[[RunRecord], bool] = lambda record: False

    def read(self, members: Iterable[Member]) -> list[Measurement]:
        """The measurements of these replicates; one that they share counts once."""
        by_source = {self.source(member): member.measurements.get(self.key) for member in members}
        return [measurement for measurement in by_source.values() if measurement]


def measure_infos(records: Iterable[RunRecord]) -> dict[str, MeasureInfo]:
    """What each measure is, by name, in the order in which the records name them."""
    infos: dict[str, MeasureInfo] = {}
    for record in records:
        for name, info in record.measures.items():
            infos.setdefault(name, info)
    return infos


def shown_scores(records: Sequence[RunRecord]) -> tuple[list[str], list[str]]:
    """Keys of the scores that get a column, and of those that stay in result.json.

    The Fréchet distance is shown for every extractor; any other measure for the extractor with most of them (a
    classifier has more than raw pixels have), the first of them at a tie. Numbers of one group only get no column.
    """
    rows = [row for record in records for row in record.rows.values()]
    keys = dict.fromkeys(key for row in rows for key in row)
    grouped = {key for row in rows for key, measurement in row.items() if measurement.group}
    count = {extractor: sum(extractor_of(key) == extractor for key in keys) for extractor in map(extractor_of, keys)}
    count.pop("", None)
    main = max(count, key=count.__getitem__, default="")
    shown = {key for key in keys if measure_of(key) == FRECHET or extractor_of(key) in (main, "")} - grouped
    order = list(dict.fromkeys([*measure_infos(records), *map(measure_of, keys)]))
    by_place = sorted(keys, key=lambda key: (order.index(measure_of(key)), extractor_of(key) != main))
    return [key for key in by_place if key in shown], [key for key in by_place if key not in shown]


def score_columns(keys: Iterable[str], infos: Mapping[str, MeasureInfo]) -> list[Column]:
    """A column for each of these scores; one that no record says anything about is headed by its name, not ranked."""
    return [_score_column(key, infos.get(measure_of(key))) for key in keys]


def _score_column(key: str, info: MeasureInfo | None) -> Column:
    direction = info.direction if info and info.ranks else None
    arrow = ARROWS[direction] if direction else ""
    if measure_of(key) == FRECHET:
        heading = describe(key, info), arrow
    else:
        heading = info.heading if info else measure_of(key), f"{extractor_of(key)} {arrow}".strip()
    likelihood = info is not None and info.kind == "likelihood"
    return Column(key, heading, _with_spread, _trained if likelihood else _drawn, direction)


def cost_columns(records: Sequence[RunRecord], infos: Mapping[str, MeasureInfo]) -> list[Column]:
    """What an image costs, as far as these records know it: times are ranked, facts about the network are not."""
    sizes = {record.timing.batch_size for record in records if record.timing}
    batch = f"batch {sizes.pop()}" if len(sizes) == 1 else ""
    columns = [
        Column("images_per_second", ("images/s", batch), _with_spread, _timed, earlier=_timed_earlier),
        Column("latency_ms_p50", ("latency p50", "ms"), _with_spread, _timed, earlier=_timed_earlier),
        Column("latency_ms_p90", ("latency p90", "ms"), _with_spread, _timed, earlier=_timed_earlier),
        Column("nfe", ("NFE", "per image"), _plain, _timed),
        Column("sequential_depth", ("depth", "calls"), _plain, _timed),
        Column("parameters", ("parameters", ""), _scaled, _timed),
        Column("flops_per_image", ("FLOP", "per image"), _scaled, _timed),
        Column("peak_memory_bytes", ("memory", "peak bytes"), _scaled, _timed),
        Column("training_seconds", ("training", "seconds"), _with_spread, _trained, earlier=_trained_earlier),
    ]
    known = {key for record in records for key in record.costs}
    return [_informed(column, infos.get(column.key)) for column in columns if column.key in known]


def _informed(column: Column, info: MeasureInfo | None) -> Column:
    """With the heading and the direction that the records give this cost."""
    if info is None:
        return column
    direction = info.direction if info.ranks else None
    second = f"{column.heading[1]} {ARROWS[direction] if direction else ''}".strip()
    return replace(column, heading=(info.heading, second), direction=direction)


def describe(key: str, info: MeasureInfo | None) -> str:
    """A score in the words of the headings: "FD(pixels)", "recall(digits)", "bits/dim"."""
    extractor = extractor_of(key)
    if measure_of(key) == FRECHET and extractor == "inception":
        return "FID"
    heading = info.heading if info else measure_of(key)
    return f"{heading}({extractor})" if extractor else heading


def extractor_of(key: str) -> str:
    """The extractor of "digits/kid"; "" of "bits_per_dim"."""
    return key.rpartition("/")[0]


def measure_of(key: str) -> str:
    """The measure of "digits/kid"."""
    return key.rpartition("/")[2]


# ---------------------------------------------------------------------- what a measurement is of, and who paid for it


def _drawn(member: Member) -> Hashable:
    """The images of the row. Of further images no record has an id: equal numbers mean equal images."""
    images = member.record.images
    if images and member.row in (GENERATED, AT_HELD_OUT):
        return images.id, images.first
    return tuple((key, measurement.value) for key, measurement in member.measurements.items())


def _trained(member: Member) -> Hashable:
    """The model, whatever was drawn from it."""
    model = member.record.model
    if model is None:
        return member.record.run_id
    return tuple(stage.id for stage in model.stages) or (model.name, model.fingerprint)


def _timed(member: Member) -> Hashable:
    return member.record.timing.id if member.record.timing else member.record.run_id


def _trained_earlier(record: RunRecord) -> bool:
    stages = {stage.id for stage in record.model.stages} if record.model else set()
    return any(artifact.reused for artifact in record.artifacts if artifact.id in stages)


def _timed_earlier(record: RunRecord) -> bool:
    return any(artifact.reused for artifact in record.artifacts if record.timing and artifact.id == record.timing.id)


# --------------------------------------------------------------------------------------------------------------- text


def _with_spread(estimate: Estimate) -> tuple[str, str]:
    return number(estimate.value, estimate.spread)


def _plain(estimate: Estimate) -> tuple[str, str]:
    return significant(estimate.value), ""


def _scaled(estimate: Estimate) -> tuple[str, str]:
    return scaled(estimate.value), ""
