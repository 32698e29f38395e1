"""What a plan's run would join now, without making any of it: for `genbench runs --why`."""

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
from genbench.running.lookup import look_up, resolved
from genbench.running.model import Model
from genbench.running.plan import Plan
from genbench.running.progress import Progress
from genbench.running.scoring import evaluator, rows
from genbench.store.artifacts import Store


def identities(plan: Plan) -> dict[str, Any]:
    """The identity of each artifact: "stages/denoiser", "samples", "timings", "features/generated/pixels",
    "scores/generated/pixels/kid". Raises RefusedError.
    """
    asked = look_up(replace(plan, device=resolved(plan.device, Alone())))
    ids, shape = asked.ids, (plan.sampling.num_samples, *asked.spec.shape)
    model = Model(
        asked.plan, asked.dataset, asked.spec, ids.stages, Store(plan.results), Alone(), Progress(plan.model.name, None)
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
