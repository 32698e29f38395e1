"""Records for programs and papers: every number in full, every sign as LaTeX sets it."""

import csv
import io
import json
import re

from genbench.reports.exports import to_csv, to_json
from genbench.reports.latex import escaped, to_latex
from genbench.reports.sweep import sweep_table
from genbench.reports.table import to_text
from genbench.store.records import RunRecord, Status

FD = "pixels/frechet_distance"


def rows(records):
    return list(csv.DictReader(io.StringIO(to_csv(records))))


def test_csv_has_a_row_a_run_with_every_measurement_in_full(make_record):
    values = {FD: (1.2345678901234567, 0.0123456789012345)}
    done = make_record("a", metrics=values, at_floor={FD: (2.5, 0.2)}, noise={FD: (77.0, 1.0)}, images_per_second=1 / 3)
    found = rows([done, make_record("b", "pixelcnn", status=Status.FAILED, reason='no, "never"\nat all')])
    assert [row["run_id"] for row in found] == ["a", "b"]
    first, failed = found
    assert float(first[f"metrics.{FD}.value"]) == 1.2345678901234567
    assert float(first[f"metrics.{FD}.standard_error"]) == 0.0123456789012345
    assert float(first[f"metrics_at_floor.{FD}.value"]) == 2.5
    assert float(first[f"references.noise.{FD}.value"]) == 77.0
    assert float(first["sampling.images_per_second"]) == 1 / 3
    assert first["provenance.seeds.training"] == "0"
    assert first["quick"] == "false"
    measured = {f"{part}.{key}" for part in ("metrics", "metrics_at_floor") for key in getattr(done, part)}
    assert all(first[f"{key}.{word}"] for key in measured for word in ("value", "standard_error", "n"))
    assert failed["reason"] == 'no, "never"\nat all'
    assert failed["sampling.images_per_second"] == ""


def test_csv_leaves_an_unknown_error_empty(make_record):
    row = rows([make_record(metrics={FD: (1.0, None)}), make_record("b")])[0]
    assert row[f"metrics.{FD}.value"] == "1.0"
    assert row[f"metrics.{FD}.standard_error"] == ""
    assert not any(column.endswith(("estimand", ".direction")) for column in row)


def test_json_holds_the_records(make_record):
    records = [make_record("a"), make_record("b", status=Status.DIVERGED, reason="loss is nan")]
    assert [RunRecord.from_json(content) for content in json.loads(to_json(records))] == records


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


def test_plain_text_has_no_trailing_spaces_and_fits(make_record):
    many = {f"{e}/{m}": (1234.5678, 12.3) for e in ("digits", "pixels", "x") for m in ("kid", "coverage")}
    text = to_text(
        sweep_table([make_record("a", metrics=many, extractors=("digits", "pixels", "inception", "x", "y"))])
    )
    assert "not shown" in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 130
