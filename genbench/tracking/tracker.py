"""What a tracker is: the contract of the kind "tracking"; and how one is called, so that it can never cost a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from genbench.store.records import RunRecord
from genbench.store.sweeps import Sweep

NOWHERE: Mapping[str, str] = MappingProxyType({})
"""The place of a run of a sweep without axes."""


class TrackerUnavailableError(RuntimeError):
    """A tracker cannot work here (a package or an account is missing); the message says what to do."""


class Tracker(Protocol):
    """Somewhere that records are shown besides the results folder.

    It is built from its options before any work is done, and then raises TrackerUnavailableError if it cannot work.
    Mirroring again what was mirrored before replaces it.
    """

    def mirror(self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = NOWHERE) -> None:
        """Show one run of a sweep; called for every run, computed now or answered from the store, with or without a
        model.

        `results` is the results folder, which has the run's pictures and training curves; `axes` the run's place on the
        axes of the sweep ({"model": "gan", "seed": "0"}).
        """
        ...

    def finish_sweep(self, sweep: Sweep, records: Sequence[RunRecord], results: Path) -> None:
        """Show a sweep as a whole, once all its runs have been mirrored."""
        ...


def safely(action: Callable[[], None], tracker: str, sweep_id: str) -> bool:
    """Mirror something with `action`; whether that went well. A failure is told on stderr, with what to do.

    It is never raised: records are in the results folder already, and no tracker is worth a run.
    """
    try:
        action()
    except Exception as error:
        print(
            f"tracking={tracker} failed: {type(error).__name__}: {error}\n"
            f"  nothing is lost; once that is mended: genbench track {sweep_id} tracking={tracker} (and its options)",
            file=sys.stderr,
        )
        return False
    return True
