"""One run, top to bottom: plan -> dataset -> model -> images and clock -> evidence -> measurements -> record."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml

from genbench.drawing.devices import claim
from genbench.drawing.requests import Requests
from genbench.errors import DivergedError
from genbench.images import save_grid
from genbench.interfaces.data import ImageSet
from genbench.interfaces.drawing import IMAGES
from genbench.interfaces.ranks import Alone, Ranks
from genbench.running.artifacts import draw, time_model
from genbench.running.identity import generator_class, learner_libraries
from genbench.running.lookup import Asked, RefusedError, look_up, resolved, run_name
from genbench.running.model import Model
from genbench.running.plan import Plan
from genbench.running.progress import Progress
from genbench.running.ranks import RankError
from genbench.running.recording import Found, begun, done, merged, record_before
from genbench.running.scoring import evaluator, score
from genbench.store.artifacts import Store
from genbench.store.records import RecordError, RunRecord, Status, write_record


@dataclass(frozen=True)
class Outcome:
    """A run's record, and whether it was answered from the store."""

    record: RunRecord
    reused: bool


def benchmark(
    plan: Plan,
    label: str = "",
    live: bool = True,
    ranks: Ranks | None = None,
    heard: Callable[[str], None] = lambda line: None,
) -> Outcome | None:
    """Do what the plan asks, or find it done. What goes wrong inside the run is in its record, not raised.

    `label` begins each line that is said (default: the model's name); `live` shows a progress bar on a terminal: not
    where several jobs share it; `heard` is told of progress. Of several processes rank 0 has the outcome, the others
    None. Raises RefusedError.
    """
    ranks = ranks or Alone()
    _settle(plan)
    with claim(resolved(plan.device)) as device:
        asked = look_up(replace(plan, device=device))
        run_id = run_name(asked)
        folder = plan.results / run_id
        if ranks.rank > 0:
            with Progress(label, None) as silent:
                _run(asked, run_id, Store(plan.results), ranks, silent)
            return None
        before = _read(asked, run_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "config.yaml").write_text(yaml.safe_dump(dict(plan.config), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise RefusedError(f"results={plan.results}: {error.strerror or error}") from None
        with Progress(label or plan.model.name, folder / "run.log", live, heard=heard) as progress:
            record = _recorded(asked, run_id, ranks, progress)
    record = merged(record, before)
    if record.status != Status.DONE and before is not None and before.status == Status.DONE:
        return Outcome(before, reused=True)  # another sweep finished it meanwhile
    if before is not None and _same(record, before):
        return Outcome(before, reused=True)
    write_record(folder / "result.json", record)
    return Outcome(record, reused=False)


def _recorded(asked: Asked, run_id: str, ranks: Ranks, progress: Progress) -> RunRecord:
    """The record of the run, whatever comes of it."""
    try:
        return _run(asked, run_id, Store(asked.plan.results, progress.say), ranks, progress)
    except (Exception, SystemExit) as error:  # a plugin that exits ends its own run, not the sweep
        with suppress(OSError):  # a full disk must not hide the reason
            progress.note(traceback.format_exc())
        status = Status.DIVERGED if isinstance(error, DivergedError) else Status.FAILED
        reason = str(error) if isinstance(error, RankError) else f"{type(error).__name__}: {error}"
        progress.say(f"{status.value}: {reason}")
        record = _begun(asked, run_id)
        return replace(record, status=status, reason=reason)


def _run(asked: Asked, run_id: str, store: Store, ranks: Ranks, progress: Progress) -> RunRecord:
    plan, dataset, spec, ids = asked.plan, asked.dataset, asked.spec, asked.ids
    record = _begun(asked, run_id)
    model = Model(plan, dataset, spec, ids.stages, store, ranks, progress)
    if reason := _incompatible(asked, model):
        progress.say(f"incompatible: {reason}")
        return replace(record, status=Status.INCOMPATIBLE, reason=reason)
    measuring = evaluator(asked, model)

    stages = model.train()
    if stages:
        progress.say(
            f"trained in {sum(stage.seconds for stage in stages):.0f} s{_before(all(s.reused for s in stages))}"
        )

    requests = Requests(dataset, plan.task_value, plan.sampling.seed, model.device)
    drawn = draw(model, requests, ids.samples)
    if ranks.rank == 0:
        _show(asked, drawn.sets[IMAGES], plan.results / run_id / "samples.png")
    progress.say(f"drew {plan.sampling.num_samples} images{_before(drawn.reused)}")

    timed = time_model(model, requests, ids.timing) if ranks.rank == 0 else None
    ranks.wait()
    if timed:
        rate = timed.measurements["images_per_second"].value
        progress.say(f"timed: {rate:.3g} images/s{_before(timed.reused)}")

    scored = score(asked, model, measuring, requests, drawn, timed)
    if timed is None:
        return record
    progress.say("scored")
    return done(plan, record, store, ids, Found(tuple(stages), drawn, timed, scored))


def _show(asked: Asked, images: ImageSet, path: Path) -> None:
    """The first images as a picture, if they can be shown as one and were not yet."""
    if not path.exists() and images.shape and images.shape[0] in (1, 3):
        plan = asked.plan
        save_grid(images, path, caption=f"{plan.model.name} on {asked.dataset.name}, seed {plan.sampling.seed}")


def _begun(asked: Asked, run_id: str) -> RunRecord:
    libraries = learner_libraries(asked.plan, asked.spec)
    return begun(asked.plan, asked.dataset, asked.reference, asked.ids, run_id, libraries)


def _incompatible(asked: Asked, model: Model) -> str | None:
    """The reason why this combination cannot work, asked before any training."""
    plan = asked.plan
    if reason := plan.task_value.unsupported(asked.dataset):
        return str(reason)
    cls, draw = generator_class(plan), model.draw_spec()
    reason = cls.unsupported(plan.model.options, asked.spec, draw, plan.schedule_value)
    return str(reason) if reason else None


def _settle(plan: Plan) -> None:
    """Numbers depend on the plan, never on environment variables."""
    torch.set_num_threads(plan.threads)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _read(asked: Asked, run_id: str) -> RunRecord | None:
    """The record of this run that is there already."""
    try:
        return record_before(asked.plan.results / run_id / "result.json")
    except RecordError as error:
        raise RefusedError(f"{error} (move the file away to compute the run anew)") from error


def _same(record: RunRecord, before: RunRecord) -> bool:
    """Whether a run found all of it in the store, and its record says so already."""
    joined = {(artifact.kind, artifact.id) for artifact in record.artifacts}
    known = {(artifact.kind, artifact.id) for artifact in before.artifacts}
    return (
        record.status == before.status == Status.DONE
        and joined == known
        and record.rows == before.rows
        and record.costs == before.costs
        and record.left_out == before.left_out
    )


def _before(reused: bool) -> str:
    return " (from the store)" if reused else ""
