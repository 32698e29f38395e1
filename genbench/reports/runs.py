"""The runs of a results folder: a line each, or one on a page of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from genbench.interfaces.measurement import EXACT, MARKS, Measurement
from genbench.reports.cells import number, scaled, significant
from genbench.reports.columns import ARROWS, describe, measure_infos, measure_of, shown_scores
from genbench.store.inventory import StoredRun, artifacts, size
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE, ImagesRecord, RecordError, RunRecord, Status

STYLES = {Status.DONE.value: "green", Status.INCOMPATIBLE.value: "yellow", "older": "yellow"}
GAP = 2
KEY_SCORES = 2
"""Scores in a run's line: the first of the sweep table's."""
SPEED = "images_per_second"
ROWS = {
    GENERATED: "generated",
    NOISE: "uniform noise",
    AT_HELD_OUT: "generated, held-out n",
    HELD_OUT: "real, held out",
}
"""Headings of the rows that every run has; further ones are called by their names."""
MANY = 4
"""Artifacts of one kind that a page names; more are counted."""


def runs_table(runs: Sequence[StoredRun], sizes: Mapping[tuple[str, str], int], width: int) -> RenderableType:
    """A line a run; where that is too wide for `width` columns, some numbers are left out, never part of an id.

    `sizes` are those of artifacts, by kind and id. A run's is that of its folder and of the artifacts it refers to,
    shared ones included.
    """
    records = [run.outline for run in runs if run.outline]
    keys = shown_scores(records)[0][:KEY_SCORES]
    infos = measure_infos(records)
    headings = {key: describe(key, infos.get(measure_of(key))) for key in keys}
    columns = {
        "run": [run.run_id for run in runs],
        "status": [_status(run) for run in runs],
        **{headings[key]: [_score(run.outline, key) for run in runs] for key in keys},
        "images/s": [_speed(run.outline) for run in runs],
        "begun (UTC)": [run.utc[:16].replace("T", " ") for run in runs],
        "size": [bytes_text(_total_size(run, sizes)) for run in runs],
    }
    widths = {heading: max(map(len, (heading, *cells))) for heading, cells in columns.items()}
    for heading in ("begun (UTC)", *reversed(headings.values()), "images/s"):
        if sum(widths.values()) + GAP * len(widths) > width:
            del widths[heading]
    # Lines of our own: rich's tables take seconds where there are thousands of rows.
    table = Text(no_wrap=True, overflow="ignore")
    table.append("".join(_padded(heading, heading, widths) for heading in widths) + "\n", "bold")
    table.append("─" * (sum(widths.values()) + GAP * len(widths)))
    for i, run in enumerate(runs):
        table.append("\n")
        styles = {"run": "bold", "status": STYLES.get(run.status, "red")}
        for heading in widths:
            table.append(_padded(heading, columns[heading][i], widths), styles.get(heading))
    return table


def _padded(heading: str, text: str, widths: Mapping[str, int]) -> str:
    """A cell with the gap that follows it: words to the left, numbers to the right."""
    left = heading in ("run", "status", "begun (UTC)")
    return (text.ljust if left else text.rjust)(widths[heading]) + " " * GAP


def run_page(results: Path, run: StoredRun) -> RenderableType:
    """Everything a person asks about one run, and where its files are."""
    parts: list[RenderableType] = [Text(run.run_id, style="bold"), Text()]
    try:
        record = run.read()
    except RecordError as error:
        return Group(*parts, facts({"status": run.status, "reason": str(error)}), *_files(results, run.folder, None))
    parts.append(facts(_about(record)))
    if record.rows:
        parts += [Text("\nscores", style="bold"), _scores(record)]
    if missing := _missing(record):
        parts += [Text("\nmissing", style="bold"), facts(missing)]
    if record.costs:
        parts += [Text("\ncost", style="bold"), facts(_costs(record))]
    return Group(*parts, *_files(results, run.folder, record))


def facts(lines: Mapping[str, str] | Iterable[tuple[str, str]]) -> Table:
    """Names, and what there is to say of each; what says nothing is left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for name, text in lines.items() if isinstance(lines, Mapping) else lines:
        if text:
            table.add_row(name, Text(text))
    return table


def bytes_text(count: int) -> str:
    """1,234,567 is 1.23 MB."""
    text = scaled(count)
    return f"{text}B" if " " in text else f"{text} B"


def _total_size(run: StoredRun, sizes: Mapping[tuple[str, str], int]) -> int:
    joined = run.outline.artifacts if run.outline else ()
    return size(run.folder) + sum(sizes.get((artifact.kind, artifact.id), 0) for artifact in joined)


def _status(run: StoredRun) -> str:
    return run.status + (" †" if run.outline and run.outline.quick else "")


def _speed(record: RunRecord | None) -> str:
    speed = record.costs.get(SPEED) if record else None
    return significant(speed.value) if speed and speed.value is not None else ""


def _score(record: RunRecord | None, key: str) -> str:
    measurement = record.rows.get(GENERATED, {}).get(key) if record else None
    return _written(measurement) if measurement and measurement.value is not None else ""


def _written(measurement: Measurement | None) -> str:
    """The number and its error; of a missing one the reason stands elsewhere."""
    if measurement is None:
        return ""
    if measurement.value is None:
        return "–"
    return " ± ".join(filter(None, number(measurement.value, measurement.standard_error)))


def _about(record: RunRecord) -> dict[str, str]:
    data, model, timing = record.dataset, record.model, record.timing
    values = {"sampler": record.sampler, **record.values, "task": record.task}
    return {
        "status": record.status + (" (toy budgets: the numbers mean nothing)" if record.quick else ""),
        "reason": record.reason or "",
        "begun": record.provenance.utc,
        "command": record.provenance.command,
        "model": f"{model.name} ({model.plugin} {model.plugin_version})" if model else "",
        "stages": ", ".join(f"{stage.name} {stage.id}" for stage in model.stages) if model else "",
        "weights": f"pretrained, {model.fingerprint}" if model and model.fingerprint else "",
        **{name: _choice(choice.name, choice.options) for name, choice in values.items() if choice},
        "images": _images(record.images),
        "compared with": _images(record.reference),
        "dataset": f"{data.name}: {', '.join(f'{n:,} {split}' for split, n in data.splits.items())}" if data else "",
        "seeds": ", ".join(f"{what} {seed}" for what, seed in record.provenance.seeds.items()),
        "timed on": f"{timing.device}, {timing.threads} thread{'s' if timing.threads > 1 else ''}, {timing.dtype},"
        f" batch {timing.batch_size}{', fast path' if timing.fast else ''}"
        if timing
        else "",
        "genbench": record.provenance.git_commit or record.provenance.versions.get("genbench", ""),
    }


def _choice(name: str, options: Mapping[str, object]) -> str:
    return " ".join([name, *(f"{key}={value}" for key, value in options.items() if key)])


def _images(images: ImagesRecord | None) -> str:
    if images is None:
        return ""
    shape = f" of {' × '.join(map(str, images.shape))}" if images.shape else ""
    return f"{images.name}: {images.count:,}{shape}" + (f", from number {images.first:,} on" if images.first else "")


def _scores(record: RunRecord) -> Table:
    """Every score of every row: at full n, and at the held-out size beside real images."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    rows = sorted(record.rows, key=lambda name: list(ROWS).index(name) if name in ROWS else len(ROWS))
    for name in rows:
        counts = {measurement.n for key, measurement in record.rows[name].items() if "/" in key}
        n = f"\nn = {counts.pop():,}" if len(counts) == 1 else ""
        table.add_column(ROWS.get(name, name) + n, justify="right", no_wrap=True)
    for key in dict.fromkeys(key for name in rows for key in record.rows[name]):
        info = record.measures.get(measure_of(key))
        arrow = f" {ARROWS[info.direction]}" if info and info.ranks and info.direction else ""
        table.add_row(describe(key, info) + arrow, *(_written(record.rows[name].get(key)) for name in rows))
    return table


def _missing(record: RunRecord) -> dict[str, str]:
    """Why a metric gave nothing, or gave no number."""
    numbers = [
        (ROWS.get(name, name), key, measurement)
        for name, row in record.rows.items()
        for key, measurement in row.items()
        if measurement.value is None
    ]
    reasons = {
        f"{describe(key, record.measures.get(measure_of(key)))}, {name}": measurement.reason or ""
        for name, key, measurement in numbers
    }
    return {**record.left_out, **reasons}


def _costs(record: RunRecord) -> dict[str, str]:
    lines = {}
    for key, cost in record.costs.items():
        info = record.measures.get(key)
        heading = info.heading if info else key.replace("_", " ")
        if cost.value is None:
            lines[heading] = f"– ({cost.reason})"
            continue
        exact = cost.reason == EXACT and cost.value >= 1e4
        text = bytes_text(int(cost.value)) if cost.unit == "bytes" else scaled(cost.value) if exact else _written(cost)
        unit = "" if cost.unit in ("", "bytes") or heading.endswith(cost.unit) else f" {cost.unit}"
        marks = f" ({'; '.join(MARKS[mark] for mark in cost.marks)})" if cost.marks else ""
        lines[heading] = f"{text}{unit}{marks}"
    return lines


def _files(results: Path, folder: Path, record: RunRecord | None) -> Iterable[RenderableType]:
    """The run's own files, and its artifacts: by name, or counted where a kind has many."""
    joined = artifacts(results, record) if record else {}
    kinds = Counter(key.partition("/")[0] for key in joined)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for path in sorted(folder.iterdir()):
        table.add_row(bytes_text(size(path)), Text(str(path)))
    for key, paths in joined.items():
        if kinds[key.partition("/")[0]] <= MANY:
            lines = [(bytes_text(size(path)), str(path)) for path in paths] or [("deleted", key)]
            for held, text in lines:
                table.add_row(held, Text(text))
    for kind, count in kinds.items():
        if count > MANY:
            paths = [path for key, each in joined.items() if key.partition("/")[0] == kind for path in each]
            gone = sum(not each for key, each in joined.items() if key.partition("/")[0] == kind)
            deleted = f", {gone} of them deleted" if gone else ""
            where = results / "artifacts" / kind
            table.add_row(bytes_text(sum(map(size, paths))), Text(f"{where}/: {count} {kind}{deleted}"))
    return Text("\nfiles", style="bold"), table
