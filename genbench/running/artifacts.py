"""What is made of a trained model: images and timing. Each is made once and found again after that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genbench.drawing.clock import Clock
from genbench.drawing.draw import draw_images, missing_batches
from genbench.drawing.preparing import prepare_runner
from genbench.drawing.requests import Requests
from genbench.drawing.rounds import TimingRules
from genbench.drawing.timing import time_generator
from genbench.images import ArrayImages
from genbench.interfaces.data import ImageSet
from genbench.interfaces.drawing import IMAGES
from genbench.interfaces.measurement import Measurement
from genbench.measuring.identity import Identity
from genbench.running.model import Model
from genbench.store.provenance import device_name, now
from genbench.store.records import Sitting
from genbench.store.typed_json import decode, encode


@dataclass(frozen=True)
class Drawn:
    """The images of a run, by name: "images", and what the runner gave besides. `seconds` is what preparing, drawing
    and writing these took, over all sittings, whatever more of them others drew.
    """

    sets: Mapping[str, ImageSet]
    seconds: float
    reused: bool


def draw(model: Model, requests: Requests, identity: Identity) -> Drawn:
    """Draw the images that are scored, or what is missing of them; all ranks together.

    The map of images grows by whole batches: it may hold more than the plan asks for, of which the first are used.
    """
    sampling, store, ranks = model.plan.sampling, model.store, model.ranks
    count, size = sampling.num_samples, sampling.batch_size
    rows = store.rows("samples", identity.id)
    missing = ranks.broadcast(rows is None or rows.count < count)
    if missing and ranks.rank == 0:
        with store.grow("samples", identity.id, model.describe(identity)) as growing:
            _draw(model, requests, growing.append, growing.count)
    elif missing:
        _draw(model, requests, lambda rows: None, 0)
    ranks.wait()
    rows = store.rows("samples", identity.id)
    assert rows is not None
    assert not missing_batches(rows.count, count, size)
    sets = {
        name: ArrayImages(identity.id if name == IMAGES else f"{identity.id}-{name}", rows[name]).part(0, count)
        for name in rows.formats
    }
    return Drawn(sets, rows.seconds(-(-count // size) * size), reused=not missing)


def _draw(model: Model, requests: Requests, append: Callable[[Any], object], have: int) -> None:
    sampling, clock = model.plan.sampling, Clock()
    prepared = prepare_runner(model.prepare, model.draw_spec(extras=True), requests, clock, model.progress.say)
    draw_images(
        prepared.runner,
        requests,
        sampling.num_samples,
        sampling.batch_size,
        append,
        clock,
        have,
        model.ranks,
        lambda done: model.progress.progress("drawing", done, sampling.num_samples),
    )


@dataclass(frozen=True)
class Timed:
    """The sittings of a timing, the last one being the one that counts."""

    sittings: tuple[Sitting, ...]
    fast: bool
    reused: bool

    @property
    def measurements(self) -> Mapping[str, Measurement]:
        """The clock's numbers by name."""
        return self.sittings[-1].measurements


def time_model(model: Model, requests: Requests, identity: Identity) -> Timed:
    """Time the model, or find it timed. Numbers that others disturbed are measured once more, unless it is a toy."""
    plan, progress, store = model.plan, model.progress, model.store

    def sit(content: Any) -> dict[str, Any]:
        progress.say("timing (waits for other timings on this device)")
        timing = time_generator(
            model.prepare,
            model.draw_spec(),
            requests,
            TimingRules(plan.timing.repetitions, plan.timing.seconds),
            plan.threads,
            device_name(plan.device),
            say=progress.say,
        )
        sitting = Sitting(utc=now(), measurements=timing.measurements, load=timing.load)
        return {"fast": timing.fast, "sittings": [*(content["sittings"] if content else []), encode(sitting)]}

    made = model.describe(identity)
    content, reused = store.make_json("timings", identity.id, lambda: sit(None), made)
    if reused and not plan.quick and _disturbed(content):
        content, reused = store.update_json("timings", identity.id, sit, made), False
    sittings = decode(tuple[Sitting, ...], content["sittings"], f"timings/{identity.id}")
    return Timed(sittings, content["fast"], reused)


def _disturbed(content: Any) -> bool:
    last = content["sittings"][-1]
    return any("contended" in measurement["marks"] for measurement in last["measurements"].values())
