"""One run, top to bottom: plan -> dataset -> model -> images and clock -> evidence -> measurements -> record."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from genbench.drawing.devices import claim
from genbench.drawing.requests import Requests
from genbench.errors import DivergedError
from genbench.images import save_grid
from genbench.interfaces.data import ImageSet
from genbench.interfaces.drawing import IMAGES
from genbench.interfaces.ranks import Alone, Ranks
from genbench.running.artifacts import draw, time_model
from genbench.running.earlier import at_work, features_too, finished, metrics_too
from genbench.running.identity import generator_class, learner_libraries
from genbench.running.lookup import Asked, RefusedError, look_up, resolved, run_name
from genbench.running.model import Model
from genbench.running.plan import Plan
from genbench.running.progress import Progress
from genbench.running.ranks import RankError
from genbench.running.recording import Parts, begun, done, record_before
from genbench.running.scoring import evaluator, score
from genbench.running.settings import settled
from genbench.store.artifacts import Store
from genbench.store.records import RecordError, RunRecord, Status, write_record


@dataclass(frozen=True)
class Outcome:
    """A run's record, and whether it was answered from the store. Where the run was done before and this attempt
    failed, the record is the earlier one and `failure` says why.
    """

    record: RunRecord
    reused: bool = False
    failure: str | None = None


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
    with settled(plan.threads), claim(resolved(plan.device, ranks)) as device:
        asked = look_up(replace(plan, device=device))
        run_id = run_name(asked)
        if ranks.rank > 0:
            with Progress(label, None) as silent:
                _run(_with_earlier(asked, None, ranks), run_id, Store(plan.results), ranks, silent)
            return None
        folder = _folder(plan, run_id)
        with (
            Progress(label or plan.model.name, folder / "run.log", live, heard=heard) as progress,
            at_work(plan.results, run_id, progress.say),
        ):
            before = _record_before(folder)
            record = _recorded(asked, before, run_id, ranks, progress)
            if finished(before) and not finished(record):
                assert before is not None
                return Outcome(before, failure=record.reason)
            if before is not None and _same(record, before):
                return Outcome(before, reused=True)
            write_record(folder / "result.json", record)
    return Outcome(record)


def _folder(plan: Plan, run_id: str) -> Path:
    """The run's folder, with its config. Raises RefusedError where nothing can be written."""
    folder = plan.results / run_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(dict(plan.config), sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"results={plan.results}: {error.strerror or error}") from None
    return folder


def _with_earlier(asked: Asked, before: RunRecord | None, ranks: Ranks) -> Asked:
    """Also what an earlier command had measured of the run, on every rank alike."""
    plan, known = asked.plan, finished(before)
    too = ranks.broadcast(
        (features_too(plan.features, known, plan.catalogue), metrics_too(plan.metrics, known, plan.catalogue))
    )
    return replace(asked, plan=replace(plan, features=too[0], metrics=too[1]))


def _recorded(asked: Asked, before: RunRecord | None, run_id: str, ranks: Ranks, progress: Progress) -> RunRecord:
    """The record of the run, whatever comes of it."""
    try:
        store = Store(asked.plan.results, progress.say)
        return _run(_with_earlier(asked, before, ranks), run_id, store, ranks, progress)
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
    record = done(plan, record, store, ids, Parts(tuple(stages), drawn, timed, scored))
    progress.say("scored" if record.status == Status.DONE else f"{record.status}: {record.reason}")
    return record


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


def _record_before(folder: Path) -> RunRecord | None:
    """The record that is there already. Raises RefusedError for one that cannot be read."""
    try:
        return record_before(folder / "result.json")
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
        and (record.features, record.metrics) == (before.features, before.metrics)
    )


def _before(reused: bool) -> str:
    return " (from the store)" if reused else ""
