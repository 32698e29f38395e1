"""genbench runs, and closed pipes, as a person types them."""

import subprocess
import sys
from dataclasses import replace

import pytest

from genbench.cli import main
from genbench.store.records import (
    DatasetRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    SamplerRecord,
    Status,
    write_record,
)
from genbench.store.sweeps import add_run


def record(run_id, model="gan", reason="broke"):
    return RunRecord(
        run_id=run_id,
        status=Status.INCOMPATIBLE,
        reason=reason,
        family=run_id,
        config={"model": {"name": model}},
        model=ModelRecord(name=model, plugin=model, plugin_version="1"),
        sampler=SamplerRecord(name="one_shot"),
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 9}, reference_split="train"),
        provenance=ProvenanceRecord(
            git_commit=None, versions={}, hardware={}, seeds={"training": 0}, command="", utc="2026-01-01T00:00:00Z"
        ),
    )


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Three runs in two sweeps, in ./results."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    for run_id, model, sweep in (("gan-1", "gan", "2026a"), ("gan-2", "gan", "2026b"), ("vae-3", "vae", "2026b")):
        write_record(folder / run_id / "result.json", record(run_id, model))
        add_run(folder, sweep, "genbench run", run_id)
    return folder


def said(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("runs", "--sweep", "2062a"), "no sweep '2062a' in 'results'; did you mean '2026a'?"),
        (("runs", "show", "gna-1"), "no run 'gna-1' in 'results'; did you mean 'gan-1'?"),
        (("runs", "delete", "gan"), "'gan' is the start of 2 runs: gan-1, gan-2"),
        (("runs", "--model", "gam"), "unknown model in this store 'gam'. Did you mean 'gan'? Valid: gan, vae"),
        (("runs", "--status", "fialed"), "unknown status 'fialed'. Did you mean 'failed'?"),
        (("runs", "delete", "gan-1"), "delete 1 run? Nobody is there to answer: add --yes"),
    ],
)
def test_mistakes_are_answered_in_a_line(results, capsys, monkeypatch, arguments, expected):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = said(capsys, *arguments)
    assert code == 2
    assert err.startswith(f"genbench: {expected}")
    assert len(err.splitlines()) == 1
    assert (results / "gan-1").exists()


def test_filters(results, capsys):
    def ids(*arguments):
        lines = said(capsys, "runs", *arguments)[1].splitlines()
        return [line.split()[0] for line in lines if line.startswith(("gan-", "vae-"))]

    assert ids() == ["gan-1", "gan-2", "vae-3"]
    assert ids("--model", "gan") == ["gan-1", "gan-2"]
    assert ids("--sweep", "2026b", "--model", "gan") == ["gan-2"]
    assert ids("--status", "incompatible", "--dataset", "digits") == ["gan-1", "gan-2", "vae-3"]
    assert ids("--status", "done") == []
    assert "0 of 3 runs; results/ holds" in said(capsys, "runs", "--status", "done")[1]
    assert "no runs in none/" in said(capsys, "runs", "--results", "none")[1]


def test_show_by_the_start_of_the_id(results, capsys):
    code, out, _ = said(capsys, "runs", "show", "vae")
    assert code == 0
    assert out.splitlines()[0] == "vae-3"
    assert "broke" in out


def test_delete_asks_and_deletes(results, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert said(capsys, "runs", "delete", "gan-1", "gan-2")[0] == 1
    assert (results / "gan-1").exists()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert said(capsys, "runs", "delete", "gan-1", "gan-2", "gan-1")[0] == 0
    assert sorted(path.name for path in results.iterdir()) == ["sweeps", "vae-3"]
    assert [path.name for path in results.glob("sweeps/*.json")] == ["2026b.json"]


def test_prune_says_what_before_it_deletes(results, capsys, monkeypatch):
    model = results / "artifacts" / "models" / "0123456789abcdef"
    model.mkdir(parents=True)
    (model / "state.safetensors").write_bytes(bytes(1500))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, out, err = said(capsys, "runs", "--prune")
    assert (code, model.exists()) == (2, True)
    assert "1.50 kB  artifacts/models/: 0123456789abcdef: no run refers to it" in out
    assert "delete 1.50 kB?" in err
    code, out, _ = said(capsys, "runs", "--prune", "--yes")
    assert (code, model.exists()) == (0, False)
    assert out.endswith("deleted 1.50 kB\n")
    assert said(capsys, "runs", "--prune")[1] == "nothing to prune in results/\n"


def test_prune_names_the_runs_that_keep_everything(results, capsys):
    write_record(results / "gan-1" / "result.json", replace(record("gan-1"), status=Status.FAILED))
    assert "1 run without a finished record (gan-1) may go on from any artifact" in said(capsys, "runs", "--prune")[1]


@pytest.mark.parametrize("command", ["list", "runs", "report --format json"])
def test_a_closed_pipe_ends_quietly(results, command):
    # The reader is gone before anything is written.
    close = "import os; reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1)"
    code = f"{close}; from genbench.cli import main; main({command.split()})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
