"""genbench report, as a person types it."""

import os
import subprocess
import sys

import pytest

from genbench.cli import main
from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.store.records import (
    GENERATED,
    ChoiceRecord,
    DatasetRecord,
    ImagesRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    Status,
    write_record,
)
from genbench.store.sweeps import Job, plan_sweep, update_job


def record(run_id, model="gan"):
    """A run whose plugin, extractor and metric are installed nowhere."""
    info = MeasureInfo(name="oddness", heading="oddness", kind="fidelity", direction="lower")
    measured = Measurement(value=2.5, standard_error=0.25, estimand="how odd", n=9, direction="lower")
    return RunRecord(
        run_id=run_id,
        status=Status.DONE,
        family=run_id,
        config={"model": {"name": model}},
        model=ModelRecord(name=model, plugin="long_gone", plugin_version="1"),
        sampler=ChoiceRecord(name="one_shot"),
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 9}),
        images=ImagesRecord(id=run_id, first=0, count=9, name=f"images of {model}"),
        measures={"oddness": info},
        rows={GENERATED: {"nose/oddness": measured}},
        provenance=ProvenanceRecord(
            git_commit=None, versions={}, hardware={}, seeds={"training": 0}, command="", utc="2026-01-01T00:00:00Z"
        ),
    )


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two sweeps in ./results; of the newer one the jobs ended in another order."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    for sweep, runs in {"2026a": ("gan-1",), "2026b": ("vae-3", "gan-2")}.items():
        plan_sweep(folder, sweep, "genbench run", [Job(number=i) for i in range(len(runs))])
        for number, run_id in reversed(list(enumerate(runs))):
            write_record(folder / run_id / "result.json", record(run_id, run_id.partition("-")[0]))
            update_job(folder, sweep, number, state="done", run_id=run_id)
    return folder


def said(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_formats_are_those_that_are_registered(results, capsys):
    code, out, _ = said(capsys, "report", "--format", "csv")
    assert code == 0
    assert [line.split(",")[1] for line in out.splitlines()] == ["run_id", "vae-3", "gan-2"]
    assert said(capsys, "report", "2026a", "--format", "json")[1].count('"run_id"') == 1
    assert "| vae | **" not in said(capsys, "report", "--format", "markdown")[1]
    assert "| vae | 2.50 ± 0.25 |" in said(capsys, "report", "--format", "markdown")[1]
    assert r"\begin{tabular}" in said(capsys, "report", "--format", "latex")[1]
    code, _, err = said(capsys, "report", "--format", "latx")
    assert (code, err.splitlines()[0]) == (
        2,
        "genbench: unknown report 'latx'. Did you mean 'latex'? Valid: csv, json, latex, markdown, table",
    )


def test_the_table_says_how_to_see_it_again(results, capsys, monkeypatch):
    out = said(capsys, "report")[1]
    assert out.endswith("\nsweep 2026b: 2 runs in results/ · again: genbench report 2026b\n")
    assert out.index("vae") < out.index("gan")
    assert said(capsys, "report", "--results", str(results))[1] == out
    monkeypatch.chdir("/")
    assert (
        f"again: genbench report 2026a --results {str(results)[1:]}\n"
        in said(capsys, "report", "2026a", "--results", str(results))[1]
    )


def test_jobs_that_never_ended_are_said_with_what_goes_on(results, capsys):
    plan_sweep(results, "2026c", "genbench run -m model=gan,vae", [Job(number=0), Job(number=1)])
    update_job(results, "2026c", 0, state="done", run_id="gan-1")
    update_job(results, "2026c", 1, state="running")
    out = said(capsys, "report")[1]
    assert out.endswith("\n1 of its 2 jobs have not ended; if nothing works on them: genbench run -m model=gan,vae\n")


def test_a_file_instead_of_the_terminal(results, capsys):
    assert said(capsys, "report", "--format", "csv", "--output", "t.csv")[1] == "sweep 2026b in t.csv\n"
    assert (results.parent / "t.csv").read_text().startswith("schema_version,run_id")
    said(capsys, "report", "--output", "t.txt")
    assert "oddness" in (results.parent / "t.txt").read_text()
    code, _, err = said(capsys, "report", "--output", "no/where.txt")
    assert (code, err) == (2, "genbench: --output no/where.txt: No such file or directory\n")


def test_runs_that_cannot_be_read_are_left_out_with_a_line(results, capsys):
    (results / "gan-2" / "result.json").unlink()
    (results / "vae-3" / "result.json").write_text("{")
    code, _, err = said(capsys, "report")
    assert code == 0
    assert "left out: gan-2 has no record" in err
    assert "vae-3/result.json: not JSON" in err


def test_older_records_are_left_out_with_one_line(results, capsys):
    for run_id in ("gan-2", "vae-3"):
        (results / run_id / "result.json").write_text('{"schema_version": 1, "run_id": "x"}')
    code, _, err = said(capsys, "report")
    assert code == 0
    told = "genbench: left out: vae-3, gan-2: recorded by an older genbench; the same command makes the record anew\n"
    assert err == told


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("report", "2026c"), "no sweep '2026c' in 'results'; did you mean '2026b'?"),
        (("report", "2026"), "'2026' is the start of 2 sweeps: 2026b, 2026a"),
        (("report", "--results", "nowhere"), "no sweep in 'nowhere'; `genbench run` makes one"),
        (("report", "x", "--results", "nowhere"), "no sweep in 'nowhere'; `genbench run` makes one"),
    ],
)
def test_mistakes_are_answered_in_a_line(results, capsys, arguments, expected):
    code, _, err = said(capsys, *arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith(f"genbench: {expected}")


@pytest.mark.parametrize("name", ["table", "csv", "json"])
def test_a_report_needs_neither_torch_nor_the_plugins(results, name):
    words = ["report", "--format", name]
    code = f"import sys; sys.modules['torch'] = None; from genbench.cli import main; main({words!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "GENBENCH_DISABLE": "gan,latent_diffusion,pixelcnn"},
    )
    assert done.returncode == 0, done.stderr
    assert "2.5" in done.stdout
