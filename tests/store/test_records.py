"""Records: what is written is read back, and whatever does not fit is refused by the name of its field."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.store import records, typed_json
from genbench.store.records import (
    SCHEMA_VERSION,
    ArtifactRecord,
    ImagesRecord,
    OlderRecordError,
    RecordError,
    RunRecord,
    Status,
    read_outline,
    read_record,
    write_record,
)

ROOT = Path(__file__).parents[2]
PARTS = [cls for cls in vars(records).values() if isinstance(cls, type) and is_dataclass(cls)]
Make = Callable[..., RunRecord]


def incompatible(make_record: Make) -> RunRecord:
    """A run that was refused before any work."""
    bare = {"images": None, "timing": None, "rows": {}, "costs": {}, "measures": {}, "features": {}, "artifacts": ()}
    return make_record(status=Status.INCOMPATIBLE, reason="a GAN cannot use ddim", **bare)


def given_images(make_record: Make) -> RunRecord:
    """Images that nobody here drew or timed, compared with real ones."""
    bare = {"model": None, "sampler": None, "task": None, "timing": None, "costs": {}, "dataset": None, "values": {}}
    return make_record(images=ImagesRecord(id="f0", first=0, count=500, name="folder of PNGs"), **bare)


@pytest.mark.parametrize("build", [lambda make: make(), incompatible, given_images])
def test_round_trip_through_a_file(tmp_path: Path, make_record: Make, build: Callable[[Make], RunRecord]) -> None:
    written, path = build(make_record), tmp_path / "result.json"
    write_record(path, written)
    assert read_record(path) == written
    assert json.loads(path.read_text())["schema_version"] == SCHEMA_VERSION
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_every_field_of_the_made_up_record_is_filled(make_record: Make) -> None:
    bare = RunRecord(run_id="", status="failed", reason="r", family="", config={}, provenance=make_record().provenance)
    same = {item.name for item in fields(RunRecord) if getattr(bare, item.name) == getattr(make_record(), item.name)}
    assert same == {"provenance"}


def test_the_json_of_a_measurement(make_record: Make) -> None:
    content = make_record().to_json()
    assert content["rows"]["generated_at_held_out"]["pixels/recall"] == {
        "value": 0.4,
        "estimand": "recall at k = 5",
        "n": 297,
        "standard_error": 0.01,
        "standard_error_given_reference": None,
        "interval": [0.3, 0.5, 0.95],
        "reason": None,
        "unit": "",
        "direction": "higher",
        "group": None,
        "protocol": {"k": 5, "of": ["a", None]},
        "marks": [],
    }
    assert content["measures"]["vendi_score"]["ranks"] is False
    assert content["artifacts"][1] == {
        "kind": "samples",
        "id": "5a5a5a5a5a5a5a5a",
        "reused": False,
        "name": "",
        "made": None,
    }


def test_measurements_come_back_with_their_tuples(make_record: Make) -> None:
    measurement = RunRecord.from_json(make_record().to_json()).rows["generated_at_held_out"]["pixels/recall"]
    assert measurement.interval == (0.3, 0.5, 0.95)
    assert measurement.protocol["of"] == ("a", None)


def test_names_are_those_of_tables(make_record: Make) -> None:
    assert make_record().name == "gan"
    assert given_images(make_record).name == "folder of PNGs"
    assert make_record(model=None, images=None, status="failed", reason="r").name == "gan-digits-s0-1234abcd"
    assert [artifact.key for artifact in make_record().artifacts] == ["stages/generator", "samples"]


def test_a_status_that_a_newer_genbench_knows_is_read_as_it_is(tmp_path: Path, make_record: Make) -> None:
    write_record(tmp_path / "result.json", make_record(status="postponed", reason="the queue is full"))
    assert read_record(tmp_path / "result.json").status == "postponed"


def test_whole_numbers_are_read_where_numbers_are_meant(make_record: Make) -> None:
    content = make_record().to_json()
    content["costs"]["nfe"]["value"] = 7
    value = RunRecord.from_json(content).costs["nfe"].value
    assert value == 7.0
    assert isinstance(value, float)


def test_an_outline_leaves_out_what_a_long_list_does_not_show(tmp_path: Path, make_record: Make) -> None:
    path, record = tmp_path / "result.json", make_record()
    write_record(path, record)
    artifacts = tuple(replace(artifact, made=None) for artifact in record.artifacts)
    rows = {"generated": record.rows["generated"]}
    assert read_outline(path) == replace(record, config={}, rows=rows, artifacts=artifacts)
    path.write_text('{"schema_version": 2, "rows": [], "artifacts": [3]}')
    with pytest.raises(RecordError, match=r"result\.json: rows: found \[\], expected an object"):
        read_outline(path)


# ------------------------------------------------------------------------------------------------------ what is refused

Change = Callable[[dict[str, Any]], None]


def without(*path: str) -> Change:
    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def setting(value: Any, *path: str | int) -> Change:
    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


SCORE = ("rows", "generated", "pixels/recall")
AT = "rows.generated.pixels/recall"
INVALID = {
    "missing": (without("run_id"), "run_id: found nothing, expected text"),
    "missing inside": (without("timing", "fast"), "timing.fast: found nothing, expected true or false"),
    "unknown": (setting(1, "colour"), "colour: unknown field"),
    "unknown inside": (setting(1, "model", "epochs"), "model.epochs: unknown field; expected name, plugin,"),
    "text for a number": (setting("9", "timing", "threads"), "timing.threads: found '9', expected a whole number"),
    "fraction for a count": (setting(1.5, "images", "count"), "images.count: found 1.5, expected a whole number"),
    "truth for a number": (setting(True, *SCORE, "n"), f"{AT}.n: found True, expected a whole number"),
    "number for truth": (setting(1, "quick"), "quick: found 1, expected true or false"),
    "null for text": (setting(None, "family"), "family: found None, expected text"),
    "list for an object": (setting([], "rows"), "rows: found [], expected an object"),
    "object for a list": (setting({}, "artifacts"), "artifacts: found {}, expected a list"),
    "wrong item": (setting(["stage"], "artifacts"), "artifacts[0]: found 'stage', expected an object"),
    "inside an item": (setting(1, "artifacts", 1, "id"), "artifacts[1].id: found 1, expected text"),
    "wrong value": (setting("two", "dataset", "splits", "train"), "dataset.splits.train: found 'two'"),
    "direction": (setting("up", *SCORE, "direction"), f"{AT}.direction: found 'up', expected one of lower, higher"),
    "interval": (setting([0.1, 0.2], *SCORE, "interval"), f"{AT}.interval: found [0.1, 0.2], expected a list of 3"),
    "inside an interval": (
        setting([0.1, "b", 0.9], *SCORE, "interval"),
        f"{AT}.interval[1]: found 'b', expected a num",
    ),
    "group": (setting(["label", 3], *SCORE, "group"), f"{AT}.group[1]: found 3, expected text"),
    "protocol": (setting({"k": {}}, *SCORE, "protocol"), f"{AT}.protocol.k: found {{}}, expected a number"),
    "not finite": (setting(float("nan"), *SCORE, "value"), f"{AT}.value: found nan, expected a finite number"),
    "infinite config": (setting([float("inf")], "config", "rates"), "config.rates[0]: found inf"),
    "mark": (setting(["odd"], *SCORE, "marks"), f"{AT}: 'odd' is no mark; there are contended, bound, quick"),
    "no reason for no error": (setting(None, *SCORE, "standard_error"), f"{AT}: a measurement without a value or a"),
    "negative error": (setting(-1.0, *SCORE, "standard_error"), f"{AT}: a standard error must be a finite number >= 0"),
    "measure": (
        setting(None, "measures", "recall", "direction"),
        "measures.recall: measure 'recall' ranks, so it needs",
    ),
    "no reason for failing": (setting("failed", "status"), "reason: found none, expected why the run is failed"),
    "done without images": (setting(None, "images"), "images: found nothing, expected those of a run that is done"),
    "no version": (without("schema_version"), "schema_version: found None, expected 2"),
    "version of another kind": (setting(True, "schema_version"), "schema_version: found True, expected 2"),
    "newer": (setting(3, "schema_version"), "schema_version: found 3, expected at most 2: the record was"),
}


@pytest.mark.parametrize(("change", "message"), INVALID.values(), ids=INVALID)
def test_invalid_records_are_refused_by_name(tmp_path: Path, make_record: Make, change: Change, message: str) -> None:
    content = make_record().to_json()
    change(content)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert len(str(caught.value).splitlines()) == 1
    assert not isinstance(caught.value, OlderRecordError)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ("[]", "the record: found [], expected an object"), ("\udcff", "not JSON")],
    ids=["half", "list", "bytes"],
)
def test_files_that_hold_no_record(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RecordError, match=r"result\.json") as caught:
        read_record(path)
    assert message in str(caught.value)


def test_a_record_of_an_earlier_schema_is_told_apart_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"schema_version": 1, "run_id": "gan", "metrics": {}}))
    with pytest.raises(OlderRecordError) as caught:
        read_record(path)
    assert str(caught.value) == (
        f"{path}: schema_version: found 1, expected 2: the record was written by an older genbench; run its command"
        " again to make it anew"
    )


@pytest.mark.parametrize(
    "config", [{"value": object()}, {1: "a key that is no text"}, {"a": {"b": {1, 2}}}], ids=["object", "key", "set"]
)
def test_a_record_that_cannot_be_read_back_leaves_the_old_file(
    tmp_path: Path, make_record: Make, config: dict[Any, Any]
) -> None:
    path = tmp_path / "result.json"
    write_record(path, make_record())
    before = path.read_bytes()
    with pytest.raises(RecordError, match="config"):
        write_record(path, make_record(config=config))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_infinite_options_are_kept_as_text(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "result.json"
    write_record(path, make_record(config={"guidance": {"log_snr_max": float("inf")}}))
    assert read_record(path).config == {"guidance": {"log_snr_max": "inf"}}
    assert "Infinity" not in path.read_text()


def test_records_are_checked_when_built(make_record: Make) -> None:
    with pytest.raises(RecordError, match="reason: found none"):
        make_record(status=Status.FAILED)
    with pytest.raises(RecordError, match="images: found nothing"):
        replace(make_record(), images=None)


# -------------------------------------------------------------------------------------------------- one kind of number


def test_measurement_is_the_only_class_with_a_standard_error() -> None:
    classes = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in (ROOT / "genbench").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "standard_error"
    }
    assert classes == {"genbench/interfaces/measurement.py:Measurement"}


@pytest.mark.parametrize("cls", PARTS, ids=lambda cls: cls.__name__)
def test_every_field_is_documented(cls: type) -> None:
    documented = set(re.findall(r"`([\w.]+)`", (ROOT / "docs" / "results.md").read_text()))
    assert {item.name for item in fields(cls)} <= documented


def test_the_dataclasses_of_a_record_are_all_here() -> None:
    assert {RunRecord, ArtifactRecord, Measurement, MeasureInfo} <= set(PARTS)


def test_annotations_are_made_into_functions_once() -> None:
    assert typed_json.decoder(RunRecord) is typed_json.decoder(RunRecord)
    assert typed_json.decoder(dict[str, Measurement]) is typed_json.decoder(dict[str, Measurement])


@pytest.mark.parametrize("module", ["records", "inventory", "sweeps", "artifacts", "provenance", "schema"])
def test_the_store_needs_no_torch(module: str) -> None:
    code = f"import sys, genbench.store.{module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
