"""What a plan's run would join now, without making any of it: for `genbench runs --why`, and for launchers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from genbench.drawing.requests import Requests
from genbench.images import ArrayImages
from genbench.interfaces.drawing import IMAGES
from genbench.interfaces.ranks import Alone
from genbench.running.artifacts import Drawn
from genbench.running.lookup import Asked, look_up, resolved, run_name
from genbench.running.model import Model
from genbench.running.plan import Plan
from genbench.running.progress import Progress
from genbench.running.recording import record_before
from genbench.running.scoring import evaluator, rows
from genbench.store.artifacts import Store
from genbench.store.records import Status


def identities(plan: Plan) -> dict[str, Any]:
    """The identity of each artifact: "stages/denoiser", "samples", "timings", "features/generated/pixels",
    "scores/generated/pixels/kid". Raises RefusedError.
    """
    return _identities(_looked_up(plan))


def is_answered(plan: Plan) -> bool:
    """Whether all that the plan asks for is in the store, and in the record of its run. Scores that could not be had,
    for a reason that the record gives, start no other process: whoever is asked tries again.
    """
    try:
        asked = _looked_up(plan)
        wanted, record = _identities(asked), record_before(plan.results / run_name(asked) / "result.json")
    except Exception:  # whoever runs it says what is wrong
        return False
    if record is None or record.status != Status.DONE:
        return False
    store = Store(plan.results)
    joined = {(artifact.kind, artifact.id) for artifact in record.artifacts if store.has(artifact.kind, artifact.id)}
    for what, identity in wanted.items():
        kind, _, where = what.partition("/")
        if (kind, identity.id) not in joined and where.replace("/", ": ", 1) not in record.left_out:
            return False
    return True


def _looked_up(plan: Plan) -> Asked:
    return look_up(replace(plan, device=resolved(plan.device, Alone())))


def _identities(asked: Asked) -> dict[str, Any]:
    plan = asked.plan
    ids, shape = asked.ids, (plan.sampling.num_samples, *asked.spec.shape)
    model = Model(
        plan, asked.dataset, asked.spec, ids.stages, Store(plan.results), Alone(), Progress(plan.model.name, None)
    )
    images = ArrayImages(ids.samples.id, np.broadcast_to(np.uint8(0), shape))  # an id and a number, of no memory
    requests = Requests(asked.dataset, plan.task_value, plan.sampling.seed, torch.device("cpu"))
    drawn = Drawn({IMAGES: images}, 0.0, reused=True)
    return {
        **{f"stages/{name}": identity for name, identity in ids.stages.items()},
        "samples": ids.samples,
        "timings": ids.timing,
        **evaluator(asked, model).identities(rows(asked, requests, drawn, None, None)),
    }
