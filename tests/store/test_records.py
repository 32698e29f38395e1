"""Records: what is written is read back, and whatever does not fit is refused by the name of its field."""

import json
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from subprocess import run

import pytest

from genbench.interfaces.measurement import Direction, Measurement
from genbench.store.records import (
    SCHEMA_VERSION,
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    RecordError,
    RunRecord,
    SamplerRecord,
    SamplingRecord,
    Score,
    Status,
    TrainingRecord,
    read_record,
    write_record,
)

PARTS = (
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    SamplerRecord,
    SamplingRecord,
    Score,
    TrainingRecord,
)


def score(value=0.5, error=0.01):
    return Score(
        value=value,
        standard_error=error,
        estimand="recall at k = 5",
        n=1500,
        direction="higher",
        reason=None if error is not None else "no estimator is known",
    )


def record(**changes):
    full = RunRecord(
        run_id="gan-digits-s0-1234abcd",
        status=Status.DONE,
        family="f00d",
        config={"seed": 0, "model": {"name": "gan", "widths": [8, 16], "augment": None}},
        model=ModelRecord(name="gan", plugin="gan", plugin_version="0.1.0", id="m1", parameters=1234),
        sampler=SamplerRecord(name="one_shot", options={"truncation": 0.5}),
        provenance=ProvenanceRecord(
            git_commit=None,
            versions={"torch": "2.6"},
            hardware={"cores": 2, "gpu": None},
            seeds={"training": 0, "sampling": 0},
            command="genbench run model=gan",
            utc="2026-01-01T00:00:00Z",
        ),
        quick=True,
        dataset=DatasetRecord(
            name="digits", fingerprint="d1", splits={"train": 1500, "held_out": 297}, reference_split="train"
        ),
        features=(FeaturesRecord(name="pixels", fingerprint="p1"),),
        metrics={"pixels/recall": score(), "pixels/vendi_score": score(12.0, None)},
        metrics_at_floor={"pixels/recall": score(0.4)},
        references={"held_out": {"pixels/recall": score(0.8)}, "noise": {"pixels/recall": score(0.0, 0.0)}},
        training=TrainingRecord(seconds=12.5, steps=100, images=6400, reused=False),
        sampling=SamplingRecord(
            num_samples=1500,
            batch_size=250,
            images_per_second=1e4,
            images_per_second_error=None,
            latency_ms_p50=1.5,
            latency_ms_p90=2.5,
            nfe=1,
            sequential_depth=1,
            calls={"generator": 1},
            flops_per_image=1e6,
            peak_memory_bytes=10**9,
            prepare_seconds=0.1,
            draw_seconds=0.2,
            dtype="float32",
            threads=1,
            device="a processor",
            contended=False,
            load=0.1,
            reused=True,
        ),
        artifacts=ArtifactIds(model="m1", samples="s1", timing="t1"),
    )
    return replace(full, **changes)


def failed():
    bare = {"dataset": None, "training": None, "sampling": None, "artifacts": None, "features": (), "metrics": {}}
    return record(status=Status.INCOMPATIBLE, reason="a GAN cannot use ddim", **bare)


@pytest.mark.parametrize("written", [record(), failed()], ids=["done", "incompatible"])
def test_round_trip_through_a_file(tmp_path, written):
    path = tmp_path / "result.json"
    write_record(path, written)
    assert read_record(path) == written
    assert json.loads(path.read_text())["schema_version"] == SCHEMA_VERSION
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_the_json_says_what_the_documentation_says():
    content = record().to_json()
    assert content["status"] == "done"
    assert content["metrics"]["pixels/recall"] == {
        "value": 0.5,
        "standard_error": 0.01,
        "estimand": "recall at k = 5",
        "n": 1500,
        "direction": "higher",
        "reason": None,
    }
    assert content["features"] == [{"name": "pixels", "fingerprint": "p1"}]
    assert content["sampling"]["calls"] == {"generator": 1}


def test_whole_numbers_are_read_where_numbers_are_meant():
    content = record().to_json()
    content["sampling"]["images_per_second"] = 7
    value = RunRecord.from_json(content).sampling.images_per_second
    assert value == 7.0
    assert isinstance(value, float)


def without(*path):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def setting(value, *path):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


SCORE = ("metrics", "pixels/recall")
INVALID = {
    "missing": (without("run_id"), "run_id: found nothing, expected text"),
    "missing inside": (without("sampling", "nfe"), "sampling.nfe: found nothing, expected a number"),
    "unknown": (setting(1, "colour"), "colour: unknown field"),
    "unknown inside": (setting(1, "training", "epochs"), "training.epochs: unknown field"),
    "text for a number": (setting("9", "sampling", "threads"), "sampling.threads: found '9', expected a whole number"),
    "fraction for a count": (setting(1.5, "training", "steps"), "training.steps: found 1.5, expected a whole number"),
    "truth for a number": (setting(True, *SCORE, "n"), "metrics.pixels/recall.n: found True, expected a whole number"),
    "number for truth": (setting(1, "quick"), "quick: found 1, expected true or false"),
    "null for text": (setting(None, "family"), "family: found None, expected text"),
    "list for an object": (setting([], "metrics"), "metrics: found [], expected an object"),
    "object for a list": (setting({}, "features"), "features: found {}, expected a list"),
    "wrong item": (setting(["pixels"], "features"), "features[0]: found 'pixels', expected an object"),
    "wrong value": (setting("two", "dataset", "splits", "train"), "dataset.splits.train: found 'two'"),
    "status": (setting("fine", "status"), "status: found 'fine', expected one of done, failed, diverged, incompatible"),
    "direction": (setting("up", *SCORE, "direction"), "direction: found 'up', expected one of lower, higher"),
    "not finite": (setting(float("nan"), *SCORE, "value"), "value: found nan, expected a finite number"),
    "infinite config": (setting([float("inf")], "config", "rates"), "config.rates[0]: found inf"),
    "no reason for no error": (setting(None, *SCORE, "standard_error"), "metrics.pixels/recall.reason: found none"),
    "no reason for failing": (setting("failed", "status"), "reason: found none, expected why the run is failed"),
    "done without a clock": (setting(None, "sampling"), "sampling: found nothing, expected it to be there"),
    "done without ids": (without("artifacts"), "artifacts: found nothing"),
    "no version": (without("schema_version"), "schema_version: found None, expected 1"),
    "newer": (setting(SCHEMA_VERSION + 1, "schema_version"), "written by a newer genbench; upgrade genbench"),
}


@pytest.mark.parametrize(("change", "message"), INVALID.values(), ids=INVALID)
def test_invalid_records_are_refused_by_name(tmp_path, change, message):
    content = record().to_json()
    change(content)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "the record: found [], expected an object")])
def test_files_that_hold_no_record(tmp_path, text, message):
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"result\.json") as caught:
        read_record(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "config", [{"value": object()}, {1: "a key that is no text"}, {"a": {"b": {1, 2}}}], ids=["object", "key", "set"]
)
def test_a_record_that_cannot_be_read_back_leaves_the_old_file(tmp_path, config):
    path = tmp_path / "result.json"
    write_record(path, record())
    before = path.read_bytes()
    with pytest.raises(RecordError, match="config"):
        write_record(path, record(config=config))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_infinite_options_are_kept_as_text(tmp_path):
    path = tmp_path / "result.json"
    write_record(path, record(config={"guidance": {"log_snr_max": float("inf")}}))
    assert read_record(path).config == {"guidance": {"log_snr_max": "inf"}}
    assert "Infinity" not in path.read_text()


def test_records_are_checked_when_built():
    with pytest.raises(RecordError, match="reason: found none"):
        record(status=Status.FAILED)
    with pytest.raises(RecordError, match="training: found nothing"):
        record(training=None)
    with pytest.raises(RecordError, match="expected a finite number"):
        score(float("inf"))


def test_score_of_a_measurement():
    measured = Measurement(3.5, None, "distance", 297, Direction.LOWER, reason="biased")
    assert Score.of(measured) == Score(
        value=3.5, standard_error=None, estimand="distance", n=297, direction="lower", reason="biased"
    )


@pytest.mark.parametrize("cls", [*PARTS, RunRecord], ids=lambda cls: cls.__name__)
def test_every_field_is_documented(cls):
    documented = set(re.findall(r"`(\w+)`", (Path(__file__).parents[2] / "docs" / "results.md").read_text()))
    assert {item.name for item in fields(cls)} <= documented


def test_records_need_no_torch():
    code = "import sys, genbench.store.records; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
