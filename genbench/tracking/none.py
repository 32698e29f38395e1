"""No tracker: the results folder is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep
from genbench.tracking.tracker import NOWHERE


class NoTracker:
    """Does nothing with a record."""

    def __init__(self, options: object = None) -> None:
        self.options = options

    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = NOWHERE) -> None:
        """Nothing to show."""

    def finish_sweep(self, sweep: Sweep, records: Sequence[RunRecord], results: Path) -> None:
        """Nothing to show."""
