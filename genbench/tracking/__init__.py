"""Trackers mirror records, fresh or from the store alike."""

from __future__ import annotations

from typing import Protocol

from genbench.store.records import RunRecord


class Tracker(Protocol):
    """Somewhere that records are shown besides the results folder."""

    def mirror(self, record: RunRecord, sweep_id: str) -> None:
        """Show one run of a sweep; called for every run, computed now or answered from the store."""
        ...
