"""The list of runs and the page of one, on made-up stores."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from genbench.reports.runs import bytes_text, run_page, runs_table
from genbench.store.inventory import stored_runs
from genbench.store.records import Status, write_record


@pytest.fixture
def store(tmp_path, make_record):
    """A finished run with a model of 2,000 bytes, a failed one, and one without a record."""
    records = [
        make_record("gan-digits-s0-aaaaaaaa", model_id="m1", metrics={"digits/frechet_distance": (12.5, 0.7)}),
        make_record(
            "pixelcnn-digits-s0-bbbbbbbb", "pixelcnn", status=Status.FAILED, reason="RuntimeError: no [memory]"
        ),
    ]
    for i, record in enumerate(records):
        dated = replace(
            record, provenance=replace(record.provenance, utc=f"2026-01-0{i + 1}T12:00:00Z", command="run x")
        )
        write_record(tmp_path / record.run_id / "result.json", dated)
    (tmp_path / "artifacts" / "models" / "m1").mkdir(parents=True)
    (tmp_path / "artifacts" / "models" / "m1" / "state.safetensors").write_bytes(bytes(2_000_000))
    (tmp_path / "gan-digits-s0-cccccccc").mkdir()
    (tmp_path / "gan-digits-s0-cccccccc" / "config.yaml").write_text("")
    return tmp_path


def printed(renderable, width=130):
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return file.getvalue()


def test_a_line_a_run_with_key_numbers_and_sizes(store):
    lines = printed(runs_table(store, stored_runs(store), 130)).splitlines()
    assert lines[0].split() == ["run", "status", "FD(digits)", "FD(pixels)", "images/s", "begun", "(UTC)", "size"]
    found = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2:]}
    assert found["gan-digits-s0-aaaaaaaa"].startswith("done 12.50 ± 0.70 0.500 ± 0.010 1,000 2026-01-01 12:00 2.0")
    assert found["gan-digits-s0-aaaaaaaa"].endswith(" MB")
    assert found["pixelcnn-digits-s0-bbbbbbbb"].startswith("failed 2026-01-02 12:00")
    assert found["gan-digits-s0-cccccccc"].startswith("unfinished ")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_terminal_never_loses_part_of_an_id(store, width):
    text = printed(runs_table(store, stored_runs(store), width), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert all(run.run_id in text for run in stored_runs(store))


def test_the_page_of_a_finished_run(store):
    text = printed(run_page(store, stored_runs(store)[0]), 200)
    for fact in ("12.50 ± 0.70", "1,000 ± 10 images/s at batch 250", "run x", "1,500 train, 297 held_out", "512 MB"):
        assert fact in text
    assert f"2 MB  {store / 'artifacts' / 'models' / 'm1'}" in text
    assert str(store / "gan-digits-s0-aaaaaaaa" / "result.json") in text
    assert "deleted" in text  # samples and timing of this store were never there


def test_the_page_of_a_run_without_numbers(store):
    failed, unfinished = stored_runs(store)[1:]
    assert "RuntimeError: no [memory]" in printed(run_page(store, failed))
    assert "the same command goes on with it" in printed(run_page(store, unfinished))


def test_bytes_in_units_for_people():
    assert [bytes_text(count) for count in (0, 999, 1234, 5_600_000)] == ["0 B", "999 B", "1.23 kB", "5.60 MB"]
