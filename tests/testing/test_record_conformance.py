"""The suites for trackers and report formats say what is wrong with bad ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from genbench import RunRecord, Sweep, TrackerUnavailableError
from genbench.testing import ReportConformance, TrackerConformance
from genbench.testing.records import results_folder


def call(suite: Any, test: str, advice: str, *arguments: object) -> None:
    """The one test whose name holds `test` fails with this advice."""
    (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
    with pytest.raises((AssertionError, pytest.fail.Exception), match=advice):
        getattr(suite, name)(*arguments)


# ----------------------------------------------------------------------------------------------------------- trackers


@dataclass
class FolderOptions:
    folder: str = "mirrored"


class Lines:
    """The good one: a file for each run."""

    def __init__(self, options: FolderOptions) -> None:
        self.folder = Path(options.folder)

    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = {}) -> None:
        (self.folder / record.run_id).write_text(f"{record.name} {record.status}\n")

    def finish_sweep(self, sweep: Sweep, records: Sequence[RunRecord], results: Path) -> None:
        (self.folder / sweep.sweep_id).write_text(f"{len(records)} runs\n")


class ModelsOnly(Lines):
    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = {}) -> None:
        assert record.timing is not None
        super().mirror(record, results, sweep_id)


class Picture(Lines):
    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = {}) -> None:
        (results / record.run_id / "result.json").read_text()
        super().mirror(record, results, sweep_id)


class Appends(Lines):
    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = {}) -> None:
        with (self.folder / "all").open("a") as file:
            file.write(f"{record.run_id}\n")


class Tidies(Lines):
    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = {}) -> None:
        (results / record.run_id / "result.json").write_text("{}")


class NeedsAnAccount(Lines):
    def __init__(self, options: FolderOptions) -> None:
        raise TrackerUnavailableError("there is no account: make one")


@pytest.fixture
def tracking(suite_for: Callable[..., Any]) -> Callable[[type], Any]:
    """tracking(Tracker): the suite for a tracker with FolderOptions."""
    options_in = staticmethod(lambda folder: {"folder": str(folder)})
    return lambda tracker: suite_for(TrackerConformance, tracker, FolderOptions, options_in=options_in)


@pytest.mark.parametrize(
    ("tracker", "test", "advice"),
    [
        (ModelsOnly, "any_run", r"mirror\(\) of stumbler \(failed\) raises AssertionError"),
        (Picture, "without_pictures", "show what is there"),
        (Appends, "replaces", "know a run by its run_id"),
        (Tidies, "left_as_they_are", "a tracker only reads there"),
    ],
)
def test_a_bad_tracker_is_found(
    tracker: type, test: str, advice: str, tracking: Callable[[type], Any], tmp_path: Path
) -> None:
    call(tracking(tracker), test, advice, tmp_path)


def test_a_good_tracker_passes(tracking: Callable[[type], Any], tmp_path: Path) -> None:
    suite = tracking(Lines)
    for test in ("any_run", "without_pictures", "replaces", "left_as_they_are"):
        (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
        (tmp_path / test).mkdir()
        getattr(suite, name)(tmp_path / test)
    shown = suite.shown(tmp_path / "any_run" / "shown")
    assert shown["photographs-1111"] == b"photographs done\n"


def test_a_tracker_that_cannot_work_here_is_passed_over(tracking: Callable[[type], Any], tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="there is no account"):
        tracking(NeedsAnAccount).test_any_run_can_be_mirrored(tmp_path)


# ------------------------------------------------------------------------------------------------------------ reports


class Names:
    """The good one."""

    def __init__(self, options: object) -> None: ...

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return "".join(f"{record.name}\n" for record in records)


class DoneOnly(Names):
    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return "".join(f"{record.name}\n" for record in records if record.status == "done")


class Samplers(Names):
    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return "".join(f"{record.name} {record.sampler.name}\n" for record in records)  # type: ignore[union-attr]


class Unfinished(Names):
    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return super().render(sweep, records).strip()


class Lists(Names):
    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return [record.name for record in records]


WRITTEN = itertools.count()


class Numbered(Names):
    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> Any:
        return f"{super().render(sweep, records)}{next(WRITTEN)}\n"


@pytest.mark.parametrize(
    ("report", "test", "advice"),
    [
        (Samplers, "any_sweep", "raises AttributeError.* no model and no sampler"),
        (Lists, "any_sweep", "returns a list: return text"),
        (Unfinished, "any_sweep", "does not end with a line break"),
        (DoneOnly, "every_run", "'stumbler' is not in the text"),
        (Numbered, "twice", "leave out times"),
    ],
)
def test_a_bad_report_is_found(
    report: type, test: str, advice: str, suite_for: Callable[..., Any], tmp_path: Path
) -> None:
    call(suite_for(ReportConformance, report), test, advice, results_folder(tmp_path))


def test_a_report_that_needs_torch_is_found(suite_for: Callable[..., Any]) -> None:
    suite = suite_for(ReportConformance, "genbench.images:ArrayImages")
    call(suite, "needs_no_torch", "works on machines without it")


def test_a_good_report_passes(suite_for: Callable[..., Any], tmp_path: Path) -> None:
    suite, sweep = suite_for(ReportConformance, Names), results_folder(tmp_path)
    suite.test_any_sweep_can_be_written(sweep)
    suite.test_every_run_is_in_it(sweep)
    suite.test_writing_twice_gives_the_same(sweep)
