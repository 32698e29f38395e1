"""No tracker: the results folder is enough."""

from __future__ import annotations

from genbench.registry import NoOptions
from genbench.store.records import RunRecord


class NoTracker:
    """Does nothing with a record."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def mirror(self, record: RunRecord, sweep_id: str) -> None:
        """Nothing to show."""
