"""genbench runs, and closed pipes, as a person types them."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from genbench.cli import main
from genbench.store.artifacts import Store
from genbench.store.digests import digest
from genbench.store.records import (
    ArtifactRecord,
    ChoiceRecord,
    DatasetRecord,
    Made,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    Status,
    write_record,
)
from genbench.store.sweeps import Job, plan_sweep, update_job


def record(run_id, model="gan", reason="broke"):
    return RunRecord(
        run_id=run_id,
        status=Status.INCOMPATIBLE,
        reason=reason,
        family=run_id,
        config={"model": {"name": model}},
        model=ModelRecord(name=model, plugin=model, plugin_version="1"),
        sampler=ChoiceRecord(name="one_shot"),
        dataset=DatasetRecord(name="digits", fingerprint="d", splits={"train": 9}),
        provenance=ProvenanceRecord(
            git_commit=None, versions={}, hardware={}, seeds={"training": 0}, command="", utc="2026-01-01T00:00:00Z"
        ),
    )


@dataclass(frozen=True)
class Identity:
    parts: dict

    @property
    def id(self):
        return digest(**self.parts)


def joined(results, seed):
    """The artifact of a stage that was trained with this seed."""
    identity = Identity({"name": "generator", "seed": seed})
    origin = {"versions": {}, "hardware": {}, "threads": 1, "processes": 1, "utc": "", "command": "", "seconds": 1.0}
    Store(results).make("stages", identity.id, lambda side: None, lambda _: Made(parts=identity.parts, **origin))
    return ArtifactRecord(kind="stages", id=identity.id, name="generator", reused=False)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Three runs in two sweeps, in ./results."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results"
    for sweep, runs in (("2026a", ["gan-1"]), ("2026b", ["gan-2", "vae-3"])):
        plan_sweep(folder, sweep, "genbench run", [Job(number=number) for number in range(len(runs))])
        for number, run_id in enumerate(runs):
            write_record(folder / run_id / "result.json", record(run_id, run_id[:3]))
            update_job(folder, sweep, number, state="done", run_id=run_id)
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
        (("runs", "--sweep", "2026"), "'2026' is the start of 2 sweeps: 2026b, 2026a"),
        (("runs", "show", "gna-1"), "no run 'gna-1' in 'results'; did you mean 'gan-1'?"),
        (("runs", "delete", "gan"), "'gan' is the start of 2 runs: gan-1, gan-2"),
        (("runs", "--model", "gam"), "unknown model in this store 'gam'. Did you mean 'gan'? Valid: gan, vae"),
        (("runs", "--status", "fialed"), "unknown status 'fialed'. Did you mean 'failed'?"),
        (("runs", "delete", "gan-1"), "delete 1 run? Nobody is there to answer: add --yes"),
        (("runs", "--why", "gan-1", "gan-2", "vae"), "--why compares one run with now, or two with each other, not 3"),
        (("runs", "--why", "gan-1", "gna-2"), "no run 'gna-2' in 'results'; did you mean 'gan-2'?"),
        (("runs", "--why", "gan-1", "old"), "old is older: "),
        (("runs", "--why", "gan-1", "at-work"), "at-work is unfinished: no record: it is at work, or was"),
    ],
)
def test_mistakes_are_answered_in_a_line(results, capsys, monkeypatch, arguments, expected):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    (results / "old").mkdir()
    (results / "old" / "result.json").write_text(json.dumps({"schema_version": 1}))
    (results / "at-work").mkdir()
    (results / "at-work" / "config.yaml").write_text("")
    code, _, err = said(capsys, *arguments)
    assert code == 2
    assert err.startswith(f"genbench: {expected}")
    assert len(err.splitlines()) == 1
    assert (results / "gan-1").exists()


def test_filters(results, capsys):
    def ids(*arguments):
        lines = said(capsys, "runs", *arguments)[1].splitlines()
        return [line.split()[0] for line in lines if line.startswith(("gan-", "vae-", "new-"))]

    assert ids() == ["gan-1", "gan-2", "vae-3"]
    assert ids("--model", "gan") == ["gan-1", "gan-2"]
    assert ids("--sweep", "2026b", "--model", "gan") == ["gan-2"]
    assert ids("--status", "incompatible", "--dataset", "digits") == ["gan-1", "gan-2", "vae-3"]
    assert ids("--status", "done") == []
    assert "0 of 3 runs; results/ holds" in said(capsys, "runs", "--status", "done")[1]
    assert "no runs in none/" in said(capsys, "runs", "--results", "none")[1]
    write_record(results / "new-4" / "result.json", replace(record("new-4"), status="postponed"))
    assert ids("--status", "postponed") == ["new-4"]


def test_what_the_folder_holds_by_kind(results, capsys):
    for kind, count in (("stages", 2500), ("scores", 500), ("locks", 70)):
        (results / "artifacts" / kind).mkdir(parents=True)
        (results / "artifacts" / kind / "a.bin").write_bytes(bytes(count))
    out = said(capsys, "runs")[1].splitlines()[-1]
    assert out.startswith("3 runs; results/ holds ")
    assert out.endswith(" kB (scores 500 B, stages 2.50 kB)")


def test_show_by_the_start_of_the_id(results, capsys):
    code, out, _ = said(capsys, "runs", "show", "vae")
    assert code == 0
    assert out.splitlines()[0] == "vae-3"
    assert "broke" in out


def test_older_records_are_listed_and_shown_in_a_line(results, capsys):
    (results / "gan-1" / "result.json").write_text(json.dumps({"schema_version": 1, "run_id": "gan-1"}))
    lines = said(capsys, "runs", "--status", "older")[1].splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("gan-")] == [["gan-1", "older"]]
    code, out, _ = said(capsys, "runs", "show", "gan-1")
    assert code == 0
    assert "was written by an older genbench" in " ".join(out.split())


def test_why_two_runs_differ(results, capsys):
    for run_id, seed in (("gan-1", 0), ("gan-2", 1)):
        write_record(results / run_id / "result.json", replace(record(run_id), artifacts=(joined(results, seed),)))
    code, out, _ = said(capsys, "runs", "--why", "gan-1", "gan-2")
    assert code == 0
    assert out.splitlines() == [
        "gan-1 (here) and gan-2 (there)",
        "",
        "stage generator  training seed is 0 here, 1 there",
    ]


def test_what_the_same_command_would_make_now(results, capsys, monkeypatch):
    again = pytest.importorskip("genbench.config.again")
    written = replace(record("gan-1"), artifacts=(joined(results, 0),))
    write_record(results / "gan-1" / "result.json", written)
    asked = []

    def identities_of(asked_record, folder):
        asked.append((asked_record, folder))
        return {"stages/generator": Identity({"name": "generator", "seed": 0, "code": {"Stage": "0123456789abcdef"}})}

    monkeypatch.setattr(again, "identities_of", identities_of)
    code, out, _ = said(capsys, "runs", "--why", "gan-1")
    assert code == 0
    assert out.splitlines() == [
        "what the command of gan-1 would make now",
        "",
        "stage generator  anew: code only now",
    ]
    assert [(each, folder.name) for each, folder in asked] == [(written, "results")]


def test_delete_asks_and_deletes(results, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert said(capsys, "runs", "delete", "gan-1", "gan-2")[0] == 1
    assert (results / "gan-1").exists()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert said(capsys, "runs", "delete", "gan-1", "gan-2", "gan-1")[0] == 0
    assert sorted(path.name for path in results.iterdir()) == ["sweeps", "vae-3"]
    assert [path.name for path in (results / "sweeps").glob("*/")] == ["2026b"]


def test_prune_says_what_before_it_deletes(results, capsys, monkeypatch):
    stage = results / "artifacts" / "stages" / "0123456789abcdef"
    stage.mkdir(parents=True)
    (stage / "final.safetensors").write_bytes(bytes(1500))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, out, err = said(capsys, "runs", "--prune")
    assert (code, stage.exists()) == (2, True)
    assert "1.50 kB  artifacts/stages/: 0123456789abcdef: no run refers to it" in out
    assert "delete 1.50 kB?" in err
    code, out, _ = said(capsys, "runs", "--prune", "--yes")
    assert (code, stage.exists()) == (0, False)
    assert out.endswith("deleted 1.50 kB\n")
    assert said(capsys, "runs", "--prune")[1] == "nothing to prune in results/\n"


def test_prune_deletes_what_only_older_records_refer_to_after_asking(results, capsys, monkeypatch):
    model = results / "artifacts" / "models" / "0123456789abcdef"
    model.mkdir(parents=True)
    old = {"schema_version": 1, "artifacts": {"model": model.name}}
    (results / "gan-1" / "result.json").write_text(json.dumps(old))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    code, out, _ = said(capsys, "runs", "--prune")
    assert (code, model.exists()) == (1, True)
    assert "artifacts/models/: 0123456789abcdef: only records of an older genbench refer to it" in out
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert said(capsys, "runs", "--prune")[0] == 0
    assert not model.exists()
    assert (results / "gan-1" / "result.json").exists()


def test_prune_names_the_runs_that_keep_everything(results, capsys):
    (results / "gan-1" / "result.json").unlink()
    (results / "gan-1" / "config.yaml").touch()
    assert "1 run without a finished record (gan-1) may go on from any artifact" in said(capsys, "runs", "--prune")[1]


@pytest.mark.parametrize("command", ["list", "runs", "report --format json"])
def test_a_closed_pipe_ends_quietly(results, command):
    # The reader is gone before anything is written.
    close = "import os; reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1)"
    code = f"{close}; from genbench.cli import main; main({command.split()})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
