"""Options of the trackers that ship with the core; imports neither torch nor what they mirror to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Mode(Enum):
    """Whether W&B writes to disk, for `wandb sync` or nobody, or to its server at once."""

    offline = "offline"
    online = "online"


@dataclass(frozen=True)
class WandbOptions:
    """Where W&B keeps what it is shown; the user's default `entity` and the results folder unless named.

    `tags` are added to those that every run gets: its model, dataset, sampler and status.
    """

    project: str = "genbench"
    entity: str = ""
    mode: Mode = Mode.offline
    directory: str = ""
    tags: list[str] = field(default_factory=list)
