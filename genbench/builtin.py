"""What ships inside the core, registered the way a plugin registers."""

from __future__ import annotations

from genbench.registry import Registry


def genbench_register(registry: Registry) -> None:
    """Add the core's samplers, schedules, grids, guidance, tasks, datasets, features, metrics and trackers."""
