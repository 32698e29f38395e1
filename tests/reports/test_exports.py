"""Records for programs and papers: every number in full, every sign as LaTeX sets it."""

import csv
import io
import json
import re

import pytest

from genbench.interfaces.measurement import Measurement
from genbench.reports.exports import CsvFormat, JsonFormat, to_csv
from genbench.reports.latex import LatexFormat, escaped, to_latex
from genbench.reports.markdown import MarkdownFormat
from genbench.reports.sweep import sweep_table
from genbench.reports.table import TableFormat, to_text
from genbench.store.records import RunRecord, Status
from genbench.store.sweeps import Sweep

FD = "pixels/frechet_distance"
SWEEP = Sweep(sweep_id="s", command="", utc="")


def rows(records):
    return list(csv.DictReader(io.StringIO(to_csv(records))))


def test_csv_has_a_row_a_run_with_every_measurement_in_full(make_record, make_given):
    values = {FD: (1.2345678901234567, 0.0123456789012345)}
    done = make_record(
        "a", metrics=values, at_held_out={FD: (2.5, 0.2)}, noise={FD: (77.0, 1.0)}, costs={"nfe": (1 / 3, None)}
    )
    failed = make_record("b", "pixelcnn", status=Status.FAILED, reason='no, "never"\nat all')
    found = rows([done, failed, make_given("c")])
    assert [row["run_id"] for row in found] == ["a", "b", "c"]
    first, failed, images = found
    assert float(first[f"rows.generated.{FD}.value"]) == 1.2345678901234567
    assert float(first[f"rows.generated.{FD}.standard_error"]) == 0.0123456789012345
    assert float(first[f"rows.generated_at_held_out.{FD}.value"]) == 2.5
    assert float(first[f"rows.noise.{FD}.value"]) == 77.0
    assert float(first["costs.nfe.value"]) == 1 / 3
    assert first["provenance.seeds.training"] == "0"
    assert first["quick"] == "false"
    measured = {f"rows.{row}.{key}" for row, measurements in done.rows.items() for key in measurements}
    assert all(first[f"{key}.{word}"] for key in measured for word in ("value", "standard_error", "n"))
    assert failed["reason"] == 'no, "never"\nat all'
    assert failed["costs.nfe.value"] == images["costs.nfe.value"] == ""
    assert images["images.name"] == "a folder"


def test_csv_leaves_an_unknown_error_empty_and_words_out(make_record):
    marked = Measurement(value=2.0, estimand="FD", n=9, reason="unknown", marks=("bound",), interval=(1.0, 3.0, 0.95))
    records = [make_record(metrics={FD: (1.0, None)}), make_record("b", metrics={FD: marked}), make_record("c")]
    first, second, _ = rows(records)
    assert first[f"rows.generated.{FD}.value"] == "1.0"
    assert first[f"rows.generated.{FD}.standard_error"] == ""
    assert second[f"rows.generated.{FD}.marks.0"] == "bound"
    assert second[f"rows.generated.{FD}.interval.1"] == "3.0"
    assert not any(column.endswith(("estimand", ".direction")) or ".protocol" in column for column in first)
    assert not any(column.startswith(("measures", "artifacts", "timing.sittings")) for column in first)
    assert list(first)[-1].startswith("provenance.")


def test_json_holds_the_records(make_record):
    records = [make_record("a"), make_record("b", status=Status.DIVERGED, reason="loss is nan")]
    text = JsonFormat().render(SWEEP, records)
    assert [RunRecord.from_json(content) for content in json.loads(text)] == records


@pytest.mark.parametrize(
    ("format_class", "start"),
    [
        (TableFormat, "\ndigits · n = 1,500"),
        (MarkdownFormat, "**digits · n = 1,500"),
        (LatexFormat, "% needs"),
        (CsvFormat, "schema_version,run_id,"),
        (JsonFormat, "["),
    ],
)
def test_every_format_writes_runs_of_every_sort(make_record, make_given, format_class, start):
    records = [make_record("a"), make_record("b", status="abducted", reason="by aliens"), make_given("c")]
    text = format_class().render(SWEEP, records)
    assert text.startswith(start)
    assert text.endswith("\n")
    assert all(word in text for word in ("gan", "abducted", "by aliens", "a folder"))


def test_latex_is_balanced_and_rectangular(make_record):
    records = [make_record("a", "a_b", metrics={FD: (-1.0, 0.1)}, contended=True), make_record("b", quick=True)]
    text = to_latex(sweep_table([*records, make_record("c", status=Status.FAILED, reason="50% of a_b & {c} #1 $x^2$")]))
    assert text.replace("é", "").isascii()
    for name in ("table", "tabular", "itemize"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") > 0
    for tabular in re.findall(r"\\begin\{tabular\}\{l(r+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        lines = [line for line in tabular[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(tabular[0])}
    assert r"50\% of a\_b \& \{c\} \#1 \$x\textasciicircum{}2\$" in text
    assert "$-$1.00 $\\pm$ 0.10" in text
    assert r"\textasciitilde{}1,000" in text


def test_latex_marks_the_best_bold(make_record):
    text = to_latex(sweep_table([make_record("a", "a", metrics={FD: (0.1, 0.01)}), make_record("b", "b")]))
    assert r"\textbf{0.100}$^*$ $\pm$ 0.010" in text


def test_latex_escapes_what_it_wrote_only_once():
    assert escaped("\\{") == r"\textbackslash{}\{"
    assert escaped("a\n  b") == "a b"
    assert escaped("≤1 †") == r"$\leq$1 $^\dagger$"


def test_plain_text_has_no_trailing_spaces_and_fits(make_record):
    many = {f"{e}/{m}": (1234.5678, 12.3) for e in ("digits", "pixels", "x") for m in ("kid", "coverage")}
    text = to_text(
        sweep_table([make_record("a", metrics=many, extractors=("digits", "pixels", "inception", "x", "y"))])
    )
    assert "not shown" in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 130
