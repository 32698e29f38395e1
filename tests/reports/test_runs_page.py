"""The list of runs and the page of one, on made-up stores."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from genbench.interfaces.measurement import Measurement
from genbench.reports.runs import bytes_text, facts, run_page, runs_table
from genbench.store.inventory import artifact_sizes, stored_runs
from genbench.store.records import GENERATED, ArtifactRecord, ChoiceRecord, Status, write_record


@pytest.fixture
def store(tmp_path, make_record):
    """A finished run with a stage of 2 MB and two scores, a failed one, one without a record, and an older one."""
    scores = tuple(ArtifactRecord(kind="scores", id=f"s{i}", reused=False, name=f"s{i}") for i in range(6))
    done = make_record("gan-digits-s0-aaaaaaaa", model_id="m1", metrics={"digits/frechet_distance": (12.5, 0.7)})
    records = [
        replace(done, artifacts=(*done.artifacts, *scores)),
        make_record(
            "pixelcnn-digits-s0-bbbbbbbb", "pixelcnn", status=Status.FAILED, reason="RuntimeError: no [memory]"
        ),
    ]
    for i, record in enumerate(records):
        dated = replace(
            record, provenance=replace(record.provenance, utc=f"2026-01-0{i + 1}T12:00:00Z", command="run x")
        )
        write_record(tmp_path / record.run_id / "result.json", dated)
    (tmp_path / "artifacts" / "stages" / "m1").mkdir(parents=True)
    (tmp_path / "artifacts" / "stages" / "m1" / "final.safetensors").write_bytes(bytes(2_000_000))
    (tmp_path / "artifacts" / "scores").mkdir()
    for name in ("s0.json", "s0.npz", "s1.json"):
        (tmp_path / "artifacts" / "scores" / name).write_bytes(bytes(1000))
    (tmp_path / "gan-digits-s0-cccccccc").mkdir()
    (tmp_path / "gan-digits-s0-cccccccc" / "config.yaml").write_text("")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "result.json").write_text(json.dumps({"schema_version": 1}))
    return tmp_path


def named(store, run_id):
    return next(run for run in stored_runs(store) if run.run_id == run_id)


def listed(store, width=130):
    return printed(runs_table(stored_runs(store), artifact_sizes(store), width), width)


def printed(renderable, width=130):
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return file.getvalue()


def test_a_line_a_run_with_key_numbers_and_sizes(store):
    lines = listed(store).splitlines()
    assert lines[0].split() == ["run", "status", "FD(digits)", "FD(pixels)", "images/s", "begun", "(UTC)", "size"]
    found = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2:]}
    assert found["gan-digits-s0-aaaaaaaa"].startswith("done 12.50 ± 0.70 0.500 ± 0.010 1,000 2026-01-01 12:00 2.0")
    assert found["gan-digits-s0-aaaaaaaa"].endswith(" MB")
    assert found["pixelcnn-digits-s0-bbbbbbbb"].startswith("failed 2026-01-02 12:00")
    assert found["gan-digits-s0-cccccccc"].startswith("unfinished ")
    assert found["old"].startswith("older ")


def test_a_status_that_nobody_here_knows_is_shown_as_it_is(store, make_record):
    write_record(store / "new" / "result.json", make_record("new", status="postponed", reason="the queue is full"))
    assert "new                          postponed" in listed(store)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_terminal_never_loses_part_of_an_id(store, width):
    text = listed(store, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert all(run.run_id in text for run in stored_runs(store))


def test_the_page_of_a_finished_run(store):
    text = printed(run_page(store, named(store, "gan-digits-s0-aaaaaaaa")), 200)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "command run x",
        "model gan (gan 1)",
        "stages all m1",
        "sampler one_shot",
        "images images of gan: 1,500",
        "compared with train: 1,500",
        "dataset digits: 1,500 train, 297 held_out",
        "timed on a processor, 1 thread, float32, batch 250",
        "images/s 1,000 ± 10",
        "memory 512 MB",
        "FLOP 1.50 G",
        f"2 MB {store / 'artifacts' / 'stages' / 'm1'}",
        "deleted timings",
        f"3 kB {store / 'artifacts' / 'scores'}/: 6 scores, 4 of them deleted",
    ):
        assert line in lines, line
    assert any(line.startswith("FD(digits) ↓ 12.50 ± 0.70 ") for line in lines)
    assert any(line.startswith("Vendi(digits) 0.500 ± 0.010") for line in lines)  # not ranked: no arrow
    assert str(store / "gan-digits-s0-aaaaaaaa" / "result.json") in text


def test_why_numbers_are_missing(store, make_record):
    record = make_record("gan-x", left_out={"inception_score": "pixels has no logits"})
    missing = Measurement(value=None, estimand="KID", n=1500, reason="4 images are too few")
    rows = {**record.rows, GENERATED: {**record.rows[GENERATED], "digits/kid": missing}}
    slow = replace(record.costs["latency_ms_p50"], marks=("contended",))
    write_record(
        store / "gan-x" / "result.json", replace(record, rows=rows, costs={**record.costs, "latency_ms_p50": slow})
    )
    text = " ".join(printed(run_page(store, named(store, "gan-x")), 200).split())
    assert "inception_score pixels has no logits" in text
    assert "KID(digits), generated 4 images are too few" in text
    assert "KID(digits) ↓ – 0.500" in text
    assert "3.25 ms (timed while other processes kept the machine busy)" in text


def test_the_page_of_images_that_were_given(store, make_given):
    write_record(store / "given" / "result.json", make_given(task=ChoiceRecord(name="digits", options={"only": 3})))
    text = printed(run_page(store, named(store, "given")), 200)
    assert "a folder: 1,500" in text
    assert "digits only=3" in text
    for absent in ("model", "sampler", "timed on", "cost"):
        assert not any(line.startswith(absent) for line in text.splitlines())


@pytest.mark.parametrize(
    ("run_id", "words"),
    [
        ("pixelcnn-digits-s0-bbbbbbbb", "RuntimeError: no [memory]"),
        ("gan-digits-s0-cccccccc", "the same command goes on with it"),
        ("old", "the record was written by an older genbench; run its command again to make it anew"),
    ],
)
def test_the_page_of_a_run_without_numbers(store, run_id, words):
    assert words in " ".join(printed(run_page(store, named(store, run_id))).split())


def test_facts_leave_out_what_says_nothing():
    assert printed(facts([("a", "b"), ("c", ""), ("a", "d")])).split() == ["a", "b", "a", "d"]


def test_bytes_in_units_for_people():
    assert [bytes_text(count) for count in (0, 999, 1234, 5_600_000)] == ["0 B", "999 B", "1.23 kB", "5.60 MB"]
