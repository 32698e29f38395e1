"""The lines of a sweep's table: who is measured, in which section, on how many images; before any number is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from genbench.reports.cells import Role
from genbench.reports.columns import COSTS, Column, Member
from genbench.reports.labels import clock_labels
from genbench.statistics.replicates import by_clock_family
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE, Measurements, RunRecord

REFERENCES = {NOISE: "uniform noise", HELD_OUT: "real, held out"}


@dataclass(frozen=True)
class Family:
    """The finished runs that differ in nothing but their seeds, and their name in the table."""

    name: tuple[str, ...]
    runs: tuple[RunRecord, ...]


@dataclass(frozen=True, eq=False)
class Line:
    """What becomes one row: replicates, or a reference that runs share. Lines of equal `section` stand together."""

    name: tuple[str, ...]
    members: tuple[Member, ...]
    section: Hashable
    n: int = 0
    role: Role = "model"

    @property
    def first(self) -> RunRecord:
        """The first of its runs."""
        return self.members[0].record

    @property
    def quick(self) -> bool:
        """Whether its runs had toy budgets."""
        return self.first.quick


@dataclass(frozen=True)
class Block:
    """A section before its cells are written: the lines under its columns."""

    title: str
    columns: Sequence[Column]
    lines: Sequence[Line]


def quality_lines(families: Sequence[Family]) -> list[Line]:
    """For each model a line, and under it one for each of its further rows; then the rows and references of all."""
    further = [line for family in families for line in _of_further_rows(family)]
    alike: dict[Hashable, list[Line]] = {}
    for line in further:
        alike.setdefault((line.section, line.name[0]), []).append(line)
    shared = [lines for lines in alike.values() if _are_one(lines)]
    common = {line for lines in shared for line in lines}
    result = []
    for family in families:
        result += _of_images(family)
        result += [line for line in further if line.first.family == family.runs[0].family and line not in common]
    result += [replace(lines[0], name=lines[0].name[:1]) for lines in shared]
    return [*result, *_of_references(families)]


def cost_lines(families: Sequence[Family]) -> list[Line]:
    """A line for each family and machine, for runs whose costs are known."""
    names = {run.run_id: family.name for family in families for run in family.runs}
    groups = by_clock_family(run for family in families for run in family.runs if run.costs)
    by_place: dict[Hashable, list[tuple[RunRecord, ...]]] = {}
    for group in groups:
        by_place.setdefault((group[0].family, machine(group[0])), []).append(group)
    lines = []
    for group in groups:
        alike = by_place[group[0].family, machine(group[0])]
        details = clock_labels([runs[0] for runs in alike])[alike.index(group)] if len(alike) > 1 else ()
        members = tuple(Member(run, COSTS, run.costs) for run in group)
        lines.append(Line((*names[group[0].run_id], *details), members, _section(group[0], machine(group[0]))))
    return lines


def machine(run: RunRecord) -> tuple[str, int, str] | None:
    """What a run was timed on: device, threads, dtype."""
    return (run.timing.device, run.timing.threads, run.timing.dtype) if run.timing else None


def _of_images(family: Family) -> list[Line]:
    """The images of a model: all of them, and the first of them, where that is fewer."""
    lines = []
    for row in (GENERATED, AT_HELD_OUT):
        members = _members(family, row)
        if not members:
            continue
        images = members[0].record.images
        n = images.count if images and row == GENERATED else _count(members[0].measurements)
        if row == GENERATED or not images or n < images.count:
            lines.append(Line(family.name, members, _section(members[0].record, n), n))
    return lines


def _of_further_rows(family: Family) -> list[Line]:
    rows = dict.fromkeys(row for run in family.runs for row, measurements in run.rows.items() if measurements)
    lines = []
    for row in rows:
        if row not in (GENERATED, AT_HELD_OUT, *REFERENCES):
            members = _members(family, row)
            n = _count(members[0].measurements)
            lines.append(Line(further_name(row, family), members, _section(members[0].record, n), n, "extra"))
    return lines


def further_name(row: str, family: Family) -> tuple[str, ...]:
    """What a further row of a model is called: "reconstructed", "of latent_diffusion", …"""
    return row, f"of {family.name[0]}", *family.name[1:]


def _of_references(families: Sequence[Family]) -> list[Line]:
    """Noise and real images, which the runs of a section share: of each score the first run that has it speaks."""
    shared: dict[tuple[str, tuple[Hashable, ...], int], list[Member]] = {}
    for row in REFERENCES:
        for family in families:
            for member in _members(family, row):
                n = _count(member.measurements)
                shared.setdefault((row, _section(member.record, n), n), []).append(member)
    lines = []
    for (row, section, n), members in shared.items():
        scores = {key: value for member in reversed(members) for key, value in member.measurements.items()}
        lines.append(Line((REFERENCES[row],), (Member(members[0].record, row, scores),), section, n, "reference"))
    return lines


def _members(family: Family, row: str) -> tuple[Member, ...]:
    return tuple(Member(run, row, run.rows[row]) for run in family.runs if run.rows.get(row))


def _are_one(lines: Sequence[Line]) -> bool:
    """Whether several models have this row, and the same images in it: equal numbers, where both have one."""
    first, *others = (line.members[0].measurements for line in lines)
    return bool(others) and all(_agree(first, other) for other in others)


def _agree(one: Measurements, other: Measurements) -> bool:
    common = one.keys() & other.keys()
    return bool(common) and all(one[key].value == other[key].value for key in common)


def _count(measurements: Measurements) -> int:
    """On how many images most of a row was measured: a likelihood has a number of its own."""
    counts = Counter(measurement.n for measurement in measurements.values())
    return max(counts, key=lambda n: (counts[n], n))


def _section(run: RunRecord, what: Hashable) -> tuple[Hashable, ...]:
    """Rows are compared on the same reference, and on the same number of images, or machine; toys only with toys."""
    reference = run.reference
    known = (reference.id, reference.first, reference.count) if reference else None
    return run.quick, known or (run.dataset and run.dataset.fingerprint), what
