"""The notes under a sweep's table: what the signs mean, what is missing and why, and what was not alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from genbench.interfaces.measurement import MARKS, MeasureInfo
from genbench.reports.cells import EMPTY, Section
from genbench.reports.columns import FRECHET, Column, describe, measure_infos, measure_of
from genbench.reports.lines import REFERENCES, Block, Family, Line, further_name
from genbench.reports.ranking import UNFAIR, compared, differences
from genbench.store.records import AT_HELD_OUT, GENERATED, ArtifactRecord, RunRecord

SIGNS = {"contended": "~", "bound": "≤", "quick": "†"}
"""A sign for each mark that a measurement may carry."""
BEST = "*"
EARLIER = "°"

ONE_RUN = "± of one run: a score's standard error (another training may move it more), a clock's spread over rounds"
SEEDS = "± of several seeds: standard deviation over the seeds, around their mean (of what they share, its own)"
UNKNOWN = "no ±: no standard error is known (result.json says why)"
LEAD = (
    f"{BEST} best of its column, and what is not told apart from it (2 combined standard errors, where both are known)"
)
PAID = f"{EARLIER} from the store: measured or paid for by an earlier run"
DISTANCE = "FD(x) is the Fréchet distance between features of x; only on Inception-v3's is it called FID"
MANY = 3
"""So many rows are named in a note; of more it says how many."""


def notes(
    blocks: Sequence[Block], sections: Sequence[Section], families: Sequence[Family], hidden: Sequence[str]
) -> tuple[str, ...]:
    """Every note that applies. `hidden` are the keys of scores without a column."""
    infos = measure_infos(run for family in families for run in family.runs)
    kept = [describe(key, infos.get(measure_of(key))) for key in hidden]
    return (
        *_signs(blocks, sections, families),
        *_columns(blocks, infos),
        *_unequal(blocks, infos),
        *_missing(blocks, families, infos),
        *_versions(families),
        *([f"not shown, but in each run's result.json: {', '.join(kept)}"] if kept else []),
    )


def _signs(blocks: Sequence[Block], sections: Sequence[Section], families: Sequence[Family]) -> Iterator[str]:
    """What ± and each sign mean, where they are used."""
    headed = [
        (heading, cell)
        for section in sections
        for row in section.rows
        for heading, cell in zip(section.headings, row.cells, strict=True)
    ]
    used = "".join(cell.text + cell.marks for _, cell in headed)
    toy = any(line.quick for block in blocks for line in block.lines)
    lines = {
        ONE_RUN: any(len(family.runs) == 1 for family in families) and any(cell.spread for _, cell in headed),
        SEEDS: any(len(family.runs) > 1 for family in families),
        UNKNOWN: any(cell is not EMPTY and not cell.spread for (_, way), cell in headed if way.endswith(("↓", "↑"))),
        LEAD: BEST in used,
        **{_of_mark(mark): sign in used or (mark == "quick" and toy) for mark, sign in SIGNS.items()},
        PAID: EARLIER in used,
    }
    yield from (line for line, applies in lines.items() if applies)


def _of_mark(mark: str) -> str:
    return f"{SIGNS[mark]} {MARKS[mark]}{'; not ranked' if mark in UNFAIR else ''}"


def _columns(blocks: Sequence[Block], infos: Mapping[str, MeasureInfo]) -> Iterator[str]:
    """What has to be known of a column to read it."""
    columns = [column for block in blocks for column in block.columns]
    shown = dict.fromkeys(measure_of(column.key) for column in columns)
    known = [infos[name] for name in shown if name in infos]
    if unranked := [info.heading for info in known if not info.ranks and info.kind != "cost"]:
        yield f"not ranked, since more of it is not better by itself: {', '.join(unranked)}"
    if any(measure_of(column.key) == FRECHET and column.heading[0] != "FID" for column in columns):
        yield DISTANCE


def _unequal(blocks: Sequence[Block], infos: Mapping[str, MeasureInfo]) -> Iterator[str]:
    """Columns whose numbers may not be set against each other, with what they differ in."""
    unequal: dict[tuple[str, ...], dict[str, None]] = {}
    for block in blocks:
        for column in block.columns:
            if differing := _unequal_in(column, block.lines):
                unequal.setdefault(differing, {})[describe(column.key, infos.get(measure_of(column.key)))] = None
    for differing, scores in unequal.items():
        told = f"{', '.join(scores)} (they differ in {', '.join(differing)})"
        yield f"not ranked or averaged, since measured by unequal protocols: {told}"


def _unequal_in(column: Column, lines: Sequence[Line]) -> tuple[str, ...]:
    """Of a column that ranks all numbers have to be measured alike, of another those of one row."""
    if column.direction:
        return differences(compared(column, lines))
    by_line = (differences(compared(column, [line])) for line in lines)
    return next((differing for differing in by_line if differing), ())


def _missing(blocks: Sequence[Block], families: Sequence[Family], infos: Mapping[str, MeasureInfo]) -> Iterator[str]:
    """Why a number is not there: one note for each reason and rows, with the scores that it holds for."""
    rows_of: dict[tuple[str, str], dict[str, None]] = {}
    for score, row, reason in (*_without_value(blocks, infos), *_left_out(families, infos)):
        rows_of.setdefault((reason, score), {})[row] = None
    scores_of: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, score), rows in rows_of.items():
        scores_of.setdefault((reason, tuple(rows)), []).append(score)
    everybody = {" · ".join(family.name) for family in families}
    for (reason, names), scores in scores_of.items():
        of = "" if everybody <= set(names) else f" of {_listed(names)}"
        yield f"no {', '.join(scores)}{of}: {reason}"


def _without_value(blocks: Sequence[Block], infos: Mapping[str, MeasureInfo]) -> Iterator[tuple[str, str, str]]:
    """Score, row and reason of every measurement that has no value."""
    for block in blocks:
        for column in block.columns:
            for line in block.lines:
                for measurement in column.read(line.members):
                    if measurement.value is None:
                        score = describe(column.key, infos.get(measure_of(column.key)))
                        yield score, " · ".join(line.name), measurement.reason or ""


def _left_out(families: Sequence[Family], infos: Mapping[str, MeasureInfo]) -> Iterator[tuple[str, str, str]]:
    """The same of metrics that gave nothing, for no row ("pixels/kid") or for one ("noise: pixels/kid")."""
    for family in families:
        for run in family.runs:
            for place, reason in run.left_out.items():
                row, _, key = place.rpartition(": ")
                yield describe(key, infos.get(measure_of(key))), " · ".join(_row_name(row, family)), reason


def _row_name(row: str, family: Family) -> tuple[str, ...]:
    if row in ("", GENERATED, AT_HELD_OUT):
        return family.name
    return (REFERENCES[row],) if row in REFERENCES else further_name(row, family)


def _versions(families: Sequence[Family]) -> Iterator[str]:
    """Versions that differ between the rows, of torch and of what learners import: no identity holds them."""
    runs = [(" · ".join(family.name), run) for family in families for run in family.runs]
    libraries = {name for _, run in runs for artifact in _joined(run) for name in _libraries(artifact, run)}
    for name in ("torch", *sorted(libraries - {"torch"})):
        rows: dict[str, dict[str, None]] = {}
        for row, run in runs:
            for artifact in _joined(run):
                made = artifact.made or run.provenance
                versions = {**made.versions, **_libraries(artifact, run)}
                if name in versions:
                    rows.setdefault(versions[name], {})[row] = None
        if len(rows) > 1:
            told = "; ".join(f"{version} ({_listed(of)})" for version, of in rows.items())
            yield f"made with different versions of {name}: {told}"


def _joined(run: RunRecord) -> list[ArtifactRecord]:
    """Stages, samples and timing; what the run made itself quotes nothing, for its own provenance holds."""
    return [artifact for artifact in run.artifacts if artifact.kind in ("stages", "samples", "timings")]


def _libraries(artifact: ArtifactRecord, run: RunRecord) -> Mapping[str, str]:
    """Versions of what the learner of a stage imported."""
    if artifact.kind != "stages":
        return {}
    if artifact.made is not None:
        return artifact.made.libraries
    return run.model.libraries if run.model else {}


def _listed(names: Collection[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - MANY
    return f"{', '.join(list(names)[:MANY])}{f' and {more} more' if more > 0 else ''}"
