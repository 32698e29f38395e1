"""The sweep's table as text: names of rows, digits, widths, Markdown."""

import io
import re

import pytest
from rich.console import Console

from genbench.reports.cells import number, scaled, significant
from genbench.reports.console import PLAIN_WIDTH
from genbench.reports.markdown import to_markdown
from genbench.reports.table import render

FD = "pixels/frechet_distance"


@pytest.mark.parametrize("status", ["failed", "diverged", "incompatible", "abducted"])
def test_runs_without_numbers_appear_with_their_reason(look, make_record, status):
    lost = make_record("lost", "pixelcnn", status=status, reason="stage 'prior': loss is [nan]")
    text = look([make_record(), lost]).text
    assert re.search(rf"pixelcnn +{status} +stage 'prior': loss is \[nan\]", text)
    assert "loss is [nan]" in look([lost]).text


def test_labels_name_only_what_differs(look, make_record):
    def config(sampler, steps):
        return {"steps": steps, "sampler": {"name": sampler, "steps": steps}, "guidance": {"name": "none"}}

    runs = [("ddim", 10), ("ddim", 20), ("heun", 10)]
    records = [make_record(f"{s}{n}", "latent_diffusion", config=config(s, n)) for s, n in runs]
    table = look([*records, make_record("g", config=config("one_shot", 20))])
    details = [row.details for row in table.sections[0].rows if row.role == "model"]
    assert details == [("ddim", "steps 10"), ("ddim", "steps 20"), ("heun", "steps 10"), ()]
    assert "latent_diffusion · ddim · steps 10" in to_markdown(table.table)


def test_families_that_look_alike_are_told_apart(look, make_record):
    table = look([make_record("a", family="0123456789"), make_record("b", family="abcdefghij")])
    assert [row.details for row in table.sections[0].rows[:2]] == [("01234567",), ("abcdefgh",)]


def test_plain_text_has_no_codes_and_no_broken_numbers(look, make_record):
    long = {
        f"{e}/{m}": (1234.5678, 12.3) for e in ("digits", "pixels") for m in ("frechet_distance", "kid", "coverage")
    }
    records = [make_record("a", "latent_diffusion", metrics=long), make_record("b", "pixelcnn", contended=True)]
    text = look(records).text
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= PLAIN_WIDTH
    table = look(records)
    for section in table.sections:
        for found in section.rows:
            lines = [line for line in text.splitlines() if line.startswith(found.label)]
            assert any(all(c.text + c.marks in line for c in found.cells) for line in lines)
    header = next(line for line in text.splitlines() if "FD(digits)" in line)
    assert "Vendi" in header  # two extractors fit without a second block


def test_columns_that_do_not_fit_follow_below(look, make_record):
    file = io.StringIO()
    Console(file=file, width=80).print(render(look([make_record("a", "latent_diffusion")]).table, 80))
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Vendi") == 4  # in two sections, in its note, and among what is not shown
    assert "…" not in text


def test_nothing_to_show_is_shown(look, make_record):
    assert look([]).sections == ()
    assert look([]).text.strip() == ""


def test_markdown_has_as_many_cells_as_headings(look, make_record):
    text = to_markdown(look([make_record("a", "a"), make_record("b", "b", metrics={FD: (0.1, 0.01)})]).table)
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
    assert r"**0.100**\* ± 0.010" in text


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (0.71234, 0.0131, ("0.712", "0.013")),
        (12345.6, 678.0, ("12,346", "678")),
        (0.996, 0.0996, ("1.00", "0.10")),
        (0.0012, 0.00031, ("0.0012", "0.0003")),
        (1.24e-7, 3.1e-8, ("1.2e-07", "3e-08")),
        (1.0, 0.0, ("1", "0")),
        (18.0, None, ("18", "")),
        (0.123456, None, ("0.123", "")),
    ],
)
def test_digits_follow_the_error(value, spread, expected):
    assert number(value, spread) == expected


def test_counts_with_prefixes():
    assert [scaled(value) for value in (0, 999, 1000, 999_999, 1_234_567, 2.5e9)] == [
        "0",
        "999",
        "1 k",
        "1.00 M",
        "1.23 M",
        "2.50 G",
    ]
    assert significant(0.00001) == "1.00e-05"
