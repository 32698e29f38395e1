"""What a report format is: the contract of the kind "report"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep


class ReportFormat(Protocol):
    """A way to write a sweep down: `genbench report --format NAME` constructs it from its options and prints the text.

    It works from records alone: models, metrics and plugins that made them may be gone.
    """

    def render(self, sweep: Sweep, records: Sequence[RunRecord]) -> str:
        """The sweep as text that ends with a line break. `records` are in the order of its jobs, each run once."""
        ...
