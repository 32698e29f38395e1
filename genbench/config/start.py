"""Starting prepared jobs: in this process, with the other ranks, or through one of Hydra's launchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genbench.config.entry import Prepared
from genbench.config.mistakes import MistakeError
from genbench.running.following import with_ranks
from genbench.running.jobs import Launcher, in_process, launch
from genbench.running.lookup import RefusedError
from genbench.store.records import RunRecord

if TYPE_CHECKING:
    from genbench.running.ranks import World


def start(prepared: Prepared, world: World | None = None) -> list[RunRecord]:
    """Run the jobs. Raises MistakeError for a launcher of Hydra's under torchrun, which is a launcher itself, and for a
    results folder that cannot be written.
    """
    launcher: Launcher = in_process
    if prepared.launcher:
        if world is not None:
            raise MistakeError(
                f"{prepared.launcher[0]}: under torchrun jobs run one after the other in its processes;"
                " leave out the launcher"
            )
        from genbench.config.launchers import HydraLauncher

        launcher = HydraLauncher(prepared.launcher, prepared.plans[0])
    elif world is not None:
        launcher = with_ranks(world)
    try:
        return launch(prepared.plans, launcher)
    except RefusedError as error:
        raise MistakeError(str(error)) from None
