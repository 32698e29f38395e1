"""What every report format must do, as tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genbench.reports.formats import ReportFormat
from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep
from genbench.testing.processes import python
from genbench.testing.records import DONE, FAILED, IMAGES_ONLY, results_folder
from genbench.testing.suite import Suite

WITHOUT_TORCH = """
import importlib, sys
module, _, name = sys.argv[1].partition(":")
getattr(importlib.import_module(module), name)
sys.exit("torch" in sys.modules)
"""


class ReportConformance(Suite):
    """Subclass it with the `name` that the report format is registered by."""

    kind = "report"

    @pytest.fixture
    def sweep(self, tmp_path: Path) -> tuple[Sweep, list[RunRecord]]:
        """A sweep of runs that are done, one that failed and one that is images alone; and their records."""
        return results_folder(tmp_path)

    def test_any_sweep_can_be_written(self, sweep: tuple[Sweep, list[RunRecord]]) -> None:
        whole, records = sweep
        cases = {"the whole sweep": records, "no run": [], **{f"a sweep of {r.name} alone": [r] for r in records}}
        cases["a run of a status that nobody knows"] = [replace(records[2], status="asleep")]
        for what, some in cases.items():
            try:
                text = self._text(whole, some)
            except Exception as error:
                pytest.fail(
                    f"render() of {what} raises {type(error).__name__}: {error}; a record of a run that is not done has"
                    " no images, numbers or timing, and one of images that were given no model and no sampler"
                )
            assert isinstance(text, str), f"render() of {what} returns a {type(text).__name__}: return text"
            assert not some or text.endswith("\n"), f"render() of {what} does not end with a line break"

    def test_every_run_is_in_it(self, sweep: tuple[Sweep, list[RunRecord]]) -> None:
        text = self._text(*sweep)
        for name in (DONE, IMAGES_ONLY, FAILED):
            assert name in text, f"'{name}' is not in the text: a run that is left out seems not to have been asked for"

    def test_writing_twice_gives_the_same(self, sweep: tuple[Sweep, list[RunRecord]]) -> None:
        assert self._text(*sweep) == self._text(*sweep), (
            "written twice, the text differs: leave out times and whatever else is new each time"
        )

    def test_it_needs_no_torch(self) -> None:
        target = self.entry().target
        if not isinstance(target, str):
            pytest.skip("not registered as 'module:Class'")
        done = python(WITHOUT_TORCH, target)
        assert done.returncode == 0, (
            "its module imports torch, and `genbench report` works on machines without it: read records alone."
            f" {done.stderr}"
        )

    def _text(self, sweep: Sweep, records: list[RunRecord]) -> str:
        report: ReportFormat = self.build()
        return report.render(sweep, records)
