"""What every tracker must do, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from genbench.registry.choice import Choice
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep
from genbench.testing.records import results_folder
from genbench.testing.suite import Suite, changed
from genbench.tracking.tracker import Tracker, TrackerUnavailableError


class TrackerConformance(Suite):
    """Subclass it with the `name` that the tracker is registered by.

    Override `options_in`, so that what it writes stays below a folder; and `shown`, where what it shows is not the
    files below that folder, or where these hold times or names that are new each time.
    """

    kind = "tracking"

    @classmethod
    def options_in(cls, folder: Path) -> Mapping[str, Any]:
        """Options by which it writes below this folder only."""
        return {}

    @classmethod
    def shown(cls, folder: Path) -> Any:
        """All that it shows by now, in a form that can be compared: by default every file and its content."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    @classmethod
    def tracker(cls, folder: Path) -> Tracker:
        """The tracker that writes below this folder."""
        folder.mkdir(exist_ok=True)
        entry = cls.entry()
        options = changed(changed(entry.options(), cls.options), cls.options_in(folder))
        try:
            tracker: Tracker = Choice(entry, options).build()
        except TrackerUnavailableError as error:
            pytest.skip(str(error))
        return tracker

    def test_any_run_can_be_mirrored(self, tmp_path: Path) -> None:
        sweep, records = results_folder(tmp_path / "results")
        tracker = self.tracker(tmp_path / "shown")
        for what, action in _actions(tracker, sweep, records, tmp_path / "results"):
            try:
                action()
            except Exception as error:
                pytest.fail(
                    f"{what} raises {type(error).__name__}: {error}; a record of a run that is not done has no images,"
                    " numbers or timing, and one of images that were given no model and no sampler"
                )

    def test_a_run_without_pictures_and_curves_can_be_mirrored(self, tmp_path: Path) -> None:
        sweep, records = results_folder(tmp_path / "results")
        tracker = self.tracker(tmp_path / "shown")
        (tmp_path / "nothing").mkdir()
        try:
            tracker.mirror(records[0], tmp_path / "nothing", sweep.sweep_id)
        except Exception as error:
            pytest.fail(
                f"mirror() of a run whose folder holds no picture raises {type(error).__name__}: {error}; files beside"
                " a record may be gone: show what is there"
            )

    def test_mirroring_again_replaces_what_was_shown(self, tmp_path: Path) -> None:
        sweep, records = results_folder(tmp_path / "results")
        for tracker in (self.tracker(tmp_path / "shown"), self.tracker(tmp_path / "shown")):
            shown = []
            for _ in range(2):
                for _, action in _actions(tracker, sweep, records, tmp_path / "results"):
                    action()
                shown.append(self.shown(tmp_path / "shown"))
            assert shown[0] == shown[1], (
                "mirrored again, a run is shown twice or otherwise: know a run by its run_id and a sweep by its"
                " sweep_id, and replace what was there"
            )

    def test_the_results_are_left_as_they_are(self, tmp_path: Path) -> None:
        sweep, records = results_folder(tmp_path / "results")
        before = TrackerConformance.shown(tmp_path / "results")
        tracker = self.tracker(tmp_path / "shown")
        for _, action in _actions(tracker, sweep, records, tmp_path / "results"):
            action()
        after = TrackerConformance.shown(tmp_path / "results")
        changed_files = [name for name, content in before.items() if after.get(name) != content]
        assert not changed_files, (
            f"mirroring changed {changed_files[0]} of the results folder: a tracker only reads there"
        )


def _actions(tracker: Tracker, sweep: Sweep, records: list[RunRecord], results: Path) -> Iterator[tuple[str, Any]]:
    """What is done with a tracker for a sweep, and what it is called in messages."""
    places = {job.run_id: job.axes for job in sweep.jobs}
    for record in records:
        kind = record.status if record.model else "images that were given"

        def mirror(record: RunRecord = record) -> None:
            tracker.mirror(record, results, sweep.sweep_id, places[record.run_id])

        yield f"mirror() of {record.name} ({kind})", mirror
    yield "finish_sweep()", lambda: tracker.finish_sweep(sweep, records, results)
