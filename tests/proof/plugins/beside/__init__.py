"""A tracker that remembers, an extractor and a metric, to be asked for beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genbench import Registrar, RunRecord, Sweep, hookimpl

MIRRORED: list[tuple[str, RunRecord]] = []
"""Sweep and record of every run that was mirrored."""


class Remembering:
    """The tracker "remembering"."""

    def __init__(self, options: Any) -> None:
        pass

    def mirror(
        self, record: RunRecord, results: Path, sweep_id: str, axes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        MIRRORED.append((sweep_id, record))

    def finish_sweep(self, sweep: Sweep, records: Sequence[RunRecord], results: Path) -> None:
        pass


@hookimpl
def genbench_register(registry: Registrar) -> None:
    """Add all three."""
    registry.component("tracking", "remembering", "beside:Remembering", summary="keeps what it is told")
    registry.component("features", "rows", "beside.measuring:Rows", summary="the mean of each row of pixels")
    registry.component("metrics", "brightness", "beside.measuring:Brightness", summary="how bright images are")
