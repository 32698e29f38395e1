"""Jobs: every launcher's end at `run_job`, what each reports, and what is read back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace

import pytest

from genbench.commands.run import exit_code, troubles
from genbench.discovery.plugins import load_plugins
from genbench.registry.choice import Choice
from genbench.running import benchmark, jobs
from genbench.running.jobs import came_of, in_process, launch, objective_of, run_job
from genbench.running.lookup import Asked, RefusedError, run_name
from genbench.running.now import is_answered
from genbench.running.plan import Place, Plan
from genbench.store.records import Status
from genbench.store.sweeps import read_sweep, sweep_ids

COMMAND = "genbench run -m model=toy seed=0,1"


@pytest.fixture
def plans(toy_plan: Plan) -> list[Plan]:
    """Two seeds of the toy."""
    return [
        replace(
            toy_plan,
            training=replace(toy_plan.training, seed=seed),
            overrides=("model=toy", f"seed={seed}"),
            place=Place("s-1", COMMAND, number=seed, jobs=2, axes={"seed": str(seed)}),
        )
        for seed in (0, 1)
    ]


def options(plan: Plan, **changes: object) -> Plan:
    return replace(plan, model=replace(plan.model, options=replace(plan.model.options, **changes)))


def test_a_sweep_is_planned_run_and_read_back(plans: list[Plan]) -> None:
    records = launch([replace(plan, objective="pixels/frechet_distance") for plan in plans])
    sweep = read_sweep(plans[0].results)
    assert sweep is not None
    assert (sweep.sweep_id, sweep.command, sweep.axes) == ("s-1", COMMAND, ({"seed": ("0", "1")},))
    assert [job.axes for job in sweep.jobs] == [{"seed": "0"}, {"seed": "1"}]
    assert [job.state for job in sweep.jobs] == ["done", "done"]
    assert [job.run_id for job in sweep.jobs] == [record.run_id for record in records]
    assert [record.provenance.seeds["training"] for record in records] == [0, 1]
    values = [record.rows["generated"]["pixels/frechet_distance"].value for record in records]
    assert [job.objective for job in sweep.jobs] == values
    assert exit_code(records, sweep) == 0
    assert troubles(sweep) == []
    content = json.loads((plans[0].results / "sweeps/s-1/sweep.json").read_text())
    assert content["axes"] == [{"seed": ["0", "1"]}]
    assert [(run["number"], run["axes"]) for run in content["runs"]] == [(0, {"seed": "0"}), (1, {"seed": "1"})]


def test_jobs_stand_in_the_sweep_before_the_first_one_works(plans: list[Plan]) -> None:
    def looks(given: Sequence[Plan]) -> None:
        sweep = read_sweep(given[0].results)
        assert sweep is not None
        assert [(job.state, job.overrides) for job in sweep.jobs] == [
            ("pending", ("model=toy", "seed=0")),
            ("pending", ("model=toy", "seed=1")),
        ]
        run_job(given[0])

    assert len(launch(plans, looks)) == 1


def test_a_job_that_never_reported_is_lost_and_named(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    def loses(given: Sequence[Plan]) -> None:
        in_process(given[:1])
        raise RuntimeError("a worker was killed")

    records = launch(plans, loses)
    sweep = came_of(plans[0])
    assert "the launcher lost a job (RuntimeError: a worker was killed)" in capsys.readouterr().err
    assert len(records) == 1
    assert exit_code(records, sweep) == 1
    assert troubles(sweep) == [
        "no run came of job 2 (model=toy seed=1): it never reported; the same command goes on from here"
    ]


def test_further_jobs_join_the_sweep(plans: list[Plan]) -> None:
    """As a search does, which does not know beforehand how many it needs."""
    first = launch(plans[:1])
    second = launch(plans[1:])
    sweep = read_sweep(plans[0].results)
    assert sweep is not None
    assert sweep.runs == (first[0].run_id, second[0].run_id)


def test_a_defect_ends_its_job_and_not_the_others(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrored: list[str] = []

    def named(asked: Asked) -> str:
        return run_name(asked) if asked.plan.training.seed else str(1 / 0)

    monkeypatch.setattr(jobs, "safely", lambda mirror, tracker, sweep: mirrored.append(sweep))
    monkeypatch.setattr(benchmark, "run_name", named)
    records = launch(plans)
    sweep = came_of(plans[0])
    assert [job.state for job in sweep.jobs] == ["lost", "done"]
    assert sweep.jobs[0].reason == "ZeroDivisionError: division by zero"
    assert "Traceback" in capsys.readouterr().err
    assert [record.status for record in records] == [Status.DONE]
    assert mirrored == ["s-1"]


def test_what_cannot_be_begun_is_refused_and_a_sweep_of_nothing_else_is_not_kept(plans: list[Plan]) -> None:
    records = launch([replace(plan, device="cuda:77") for plan in plans])
    sweep = came_of(plans[0])
    assert records == []
    assert [job.state for job in sweep.jobs] == ["refused", "refused"]
    assert "cuda:77" in (sweep.jobs[0].reason or "")
    assert exit_code(records, sweep) == 2
    assert sweep_ids(plans[0].results) == []


def test_a_refused_job_beside_a_done_one_is_named(plans: list[Plan]) -> None:
    records = launch([plans[0], replace(plans[1], device="cuda:77")])
    sweep = came_of(plans[0])
    assert exit_code(records, sweep) == 1
    assert [line.partition(": ")[0] for line in troubles(sweep)] == ["no run came of job 2 (model=toy seed=1)"]
    assert sweep_ids(plans[0].results) == ["s-1"]


def test_failed_runs_have_records_and_exit_code_1(plans: list[Plan]) -> None:
    records = launch([plans[0], options(plans[1], fail="failed")])
    sweep = came_of(plans[0])
    assert [record.status for record in records] == [Status.DONE, Status.FAILED]
    assert [job.state for job in sweep.jobs] == ["done", "done"]
    assert exit_code(records, sweep) == 1
    assert troubles(sweep) == []


def test_a_results_folder_that_cannot_be_written_is_refused(plans: list[Plan]) -> None:
    plans[0].results.write_text("a file")
    with pytest.raises(RefusedError, match=f"results={plans[0].results}: Not a directory"):
        launch(plans)


def test_a_report_that_cannot_be_written_does_not_end_the_run(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **changes: object) -> None:
        raise OSError("disk full")

    def runs(given: Sequence[Plan]) -> None:
        monkeypatch.setattr(jobs, "update_job", full)
        in_process(given)

    assert launch(plans[:1], runs) == []
    assert "its report cannot be written: disk full" in capsys.readouterr().err
    assert len(list(plans[0].results.glob("*/result.json"))) == 1


def test_a_job_reports_its_progress(plans: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[dict[str, object]] = []
    monkeypatch.setattr(jobs, "update_job", lambda results, sweep, number, **changes: reports.append(changes))
    launch(plans[:1])
    assert reports[0] == {"state": "running"}
    assert {"progress": "drew 300 images"} in reports
    assert reports[-1]["state"] == "done"


def test_an_objective_is_a_measurement_of_the_images_or_a_cost(plans: list[Plan]) -> None:
    (record,) = launch(plans[:1])
    assert objective_of(record, "nfe") == 1
    assert objective_of(record, "pixels/frechet_distance") == (
        record.rows["generated"]["pixels/frechet_distance"].value
    )
    assert objective_of(record, "pixels/nothing") is None
    assert objective_of(record, "") is None


def test_a_run_is_answered_when_all_that_it_asks_for_is_in_the_store(plans: list[Plan]) -> None:
    plan = plans[0]
    assert not is_answered(plan)
    launch([plan])
    assert is_answered(plan)
    entries = load_plugins().registry
    kid = Choice(entries.get("metrics", "kid"), entries.get("metrics", "kid").options())
    inception = Choice(entries.get("metrics", "inception_score"), entries.get("metrics", "inception_score").options())
    assert not is_answered(replace(plan, metrics={**plan.metrics, "kid": kid}))
    assert is_answered(replace(plan, metrics={**plan.metrics, "is": inception})), "pixels have no logits"
    assert not is_answered(replace(plan, sampling=replace(plan.sampling, num_samples=301)))
    assert not is_answered(plans[1])
    assert not is_answered(replace(plan, device="cuda:77"))
    shutil.rmtree(next((plan.results / "artifacts/features").iterdir()))
    assert not is_answered(plan)
