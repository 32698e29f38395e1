"""The runs of a results folder: a line each, or one on a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from genbench.reports.cells import number, scaled, significant
from genbench.reports.columns import ARROWS, UNRANKED, describe, shown_scores
from genbench.store.inventory import StoredRun, artifacts, size
from genbench.store.records import RunRecord, Score, Status

STYLES = {Status.DONE.value: "green", Status.INCOMPATIBLE.value: "yellow"}
GAP = 2
KEY_SCORES = 2
"""Scores in a run's line: the first of the sweep table's."""


def runs_table(results: Path, runs: Sequence[StoredRun], width: int) -> RenderableType:
    """A line a run; where that is too wide for `width` columns, some numbers are left out, never part of an id.

    Sizes are those of the run's folder and of the artifacts it refers to, shared ones included.
    """
    keys = shown_scores([run.record for run in runs if run.record])[0][:KEY_SCORES]
    columns = {
        "run": [run.run_id for run in runs],
        "status": [_status(run) for run in runs],
        **{
            describe(key): [_score(run.record.metrics.get(key) if run.record else None) for run in runs] for key in keys
        },
        "images/s": [_speed(run.record) for run in runs],
        "begun (UTC)": [run.utc[:16].replace("T", " ") for run in runs],
        "size": [bytes_text(total_size(results, run)) for run in runs],
    }
    widths = {heading: max(map(len, (heading, *cells))) for heading, cells in columns.items()}
    for heading in ("begun (UTC)", *reversed([describe(key) for key in keys]), "images/s"):
        if sum(widths.values()) + GAP * len(widths) > width:
            del widths[heading]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for heading in widths:
        left = heading in ("run", "status", "begun (UTC)")
        style = "bold" if heading == "run" else ""
        table.add_column(heading, no_wrap=True, justify="left" if left else "right", style=style)
    for i, run in enumerate(runs):
        cells = {heading: columns[heading][i] for heading in widths}
        table.add_row(
            *(
                Text(text, STYLES.get(run.status, "red") if heading == "status" else "")
                for heading, text in cells.items()
            )
        )
    return table


def run_page(results: Path, run: StoredRun) -> RenderableType:
    """Everything a person asks about one run, and where its files are."""
    record = run.record
    parts: list[RenderableType] = [Text(run.run_id, style="bold"), Text()]
    if record is None:
        reason = run.problem or "no record: it is at work, or was killed; the same command goes on with it"
        return Group(*parts, _facts({"status": run.status, "reason": reason}), *_files(results, run))
    parts.append(_facts(_about(record)))
    if record.metrics:
        parts += [Text("\nscores", style="bold"), _scores(record)]
    if record.sampling:
        parts += [Text("\ncost", style="bold"), _facts(_cost(record))]
    return Group(*parts, *_files(results, run))


def total_size(results: Path, run: StoredRun) -> int:
    """Bytes of the run's folder and of the artifacts it refers to."""
    joined = artifacts(results, run.record).values() if run.record else ()
    return sum(map(size, (run.folder, *joined)))


def bytes_text(count: int) -> str:
    """1,234,567 is 1.23 MB."""
    text = scaled(count)
    return f"{text}B" if " " in text else f"{text} B"


def _status(run: StoredRun) -> str:
    return run.status + (" †" if run.record and run.record.quick else "")


def _speed(record: RunRecord | None) -> str:
    return significant(record.sampling.images_per_second) if record and record.sampling else ""


def _score(score: Score | None) -> str:
    if score is None:
        return ""
    return " ± ".join(filter(None, number(score.value, score.standard_error)))


def _about(record: RunRecord) -> dict[str, str]:
    data, training = record.dataset, record.training
    options = " ".join(f"{key}={value}" for key, value in record.sampler.options.items())
    return {
        "status": record.status.value + (" (toy budgets: the numbers mean nothing)" if record.quick else ""),
        "reason": record.reason or "",
        "begun": record.provenance.utc,
        "command": record.provenance.command,
        "model": f"{record.model.name} ({record.model.plugin} {record.model.plugin_version})",
        "sampler": f"{record.sampler.name} {options}".strip(),
        "dataset": f"{data.name}: {', '.join(f'{n:,} {split}' for split, n in data.splits.items())}" if data else "",
        "seeds": ", ".join(f"{what} {seed}" for what, seed in record.provenance.seeds.items()),
        "training": f"{training.steps:,} steps, {training.images:,} images, {training.seconds:.1f} s"
        + (" (paid for by an earlier run)" if training.reused else "")
        if training
        else "",
        "genbench": record.provenance.git_commit or record.provenance.versions.get("genbench", ""),
    }


def _scores(record: RunRecord) -> Table:
    """Every score, at full n and, at the held-out size, beside the floor; and the ceiling."""
    sets: list[tuple[str, Mapping[str, Score]]] = [
        ("model", record.metrics),
        ("noise", record.references.get("noise", {})),
        ("model, held-out n", record.metrics_at_floor),
        ("real, held out", record.references.get("held_out", {})),
    ]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading, scores in sets:
        counts = sorted({score.n for key, score in scores.items() if not key.startswith("model/")})
        n = f"\nn = {counts[0]:,}" if len(counts) == 1 else ""
        table.add_column(heading + n, justify="right", no_wrap=True)
    for key, score in record.metrics.items():
        arrow = "" if key.endswith(UNRANKED) else ARROWS[score.direction]
        table.add_row(f"{describe(key)} {arrow}", *(_score(scores.get(key)) for _, scores in sets))
    return table


def _cost(record: RunRecord) -> dict[str, str]:
    clock = record.sampling
    if clock is None:
        return {}
    speed = " ± ".join(filter(None, number(clock.images_per_second, clock.images_per_second_error)))
    latency = [number(value, None)[0] for value in (clock.latency_ms_p50, clock.latency_ms_p90)]
    return {
        "throughput": f"{speed} images/s at batch {clock.batch_size}",
        "latency": f"{latency[0]} ms at batch 1 (90th percentile {latency[1]} ms)",
        "network": f"{significant(clock.nfe)} evaluations an image, {clock.sequential_depth} calls one after another,"
        f" {scaled(clock.flops_per_image)} FLOP an image, {scaled(record.model.parameters or 0)} parameters",
        "memory": f"{bytes_text(clock.peak_memory_bytes)} at peak",
        "machine": f"{clock.device}, {clock.threads} thread{'s' if clock.threads > 1 else ''}, {clock.dtype}"
        + (" (busy with other processes while timed)" if clock.contended else ""),
    }


def _facts(facts: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for name, text in facts.items():
        if text:
            table.add_row(name, Text(text))
    return table


def _files(results: Path, run: StoredRun) -> Iterable[RenderableType]:
    joined = artifacts(results, run.record) if run.record else {}
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for path in (*sorted(run.folder.iterdir()), *joined.values()):
        table.add_row(bytes_text(size(path)) if path.exists() else "deleted", Text(str(path)))
    return Text("\nfiles", style="bold"), table
