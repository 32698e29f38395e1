"""The sweep's table: what is in it, what is compared with what, and how it looks where there is no terminal."""

import io
import re

import pytest

from genbench.reports.cells import number, scaled, significant
from genbench.reports.console import PLAIN_WIDTH
from genbench.reports.sweep import sweep_table
from genbench.reports.table import print_table, render, to_markdown
from genbench.store.records import Status

FD, RECALL = "pixels/frechet_distance", "digits/recall"


def row(table, label, section=0):
    return next(row for row in table.sections[section].rows if row.label.startswith(label))


def cell(table, label, heading, section=0):
    found = table.sections[section]
    at = next(i for i, (first, second) in enumerate(found.headings) if heading in (first, f"{first} {second}"))
    return row(table, label, section).cells[at]


def plain(records):
    file = io.StringIO()
    print_table(records, file)
    return file.getvalue()


def test_values_floor_and_ceiling_appear_where_they_belong(make_record):
    table = sweep_table(
        [
            make_record(
                metrics={FD: (1.234, 0.056)},
                at_floor={FD: (2.5, 0.2)},
                held_out={FD: (0.9, 0.1)},
                noise={FD: (77.0, 1.0)},
            )
        ]
    )
    full, floor, cost = table.sections
    assert (cell(table, "gan", "FD(pixels)").text, cell(table, "gan", "FD(pixels)").spread) == ("1.234", "0.056")
    assert [r.label for r in full.rows] == ["gan", "uniform noise"]
    assert cell(table, "uniform noise", "FD(pixels)").text == "77.0"
    assert "1,500 generated images against the 1,500 images of 'train'" in full.title
    assert [r.label for r in floor.rows] == ["gan", "real, held out"]
    assert cell(table, "gan", "FD(pixels)", 1).text == "2.50"
    assert cell(table, "real, held out", "FD(pixels)", 1).text == "0.90"
    assert "n = 297" in floor.title
    assert "a processor, 1 thread, float32" in cost.title
    assert [r.label for r in cost.rows] == ["gan"]


def test_cost_in_units_for_people(make_record):
    table = sweep_table([make_record()])
    expected = {
        "images/s": "1,000",
        "latency ms p50 ↓": "3.25",
        "latency ms p90 ↓": "4.50",
        "NFE": "18",
        "depth": "19",
        "parameters": "123 k",
        "FLOP": "1.50 G",
        "memory": "512 M",
        "training": "40",
    }
    assert {heading: cell(table, "gan", heading, 2).text for heading in expected} == expected
    assert cell(table, "gan", "images/s", 2).spread == "10"


def test_headings_carry_extractor_and_direction(make_record):
    headings = sweep_table([make_record()]).sections[0].headings
    assert headings[:4] == (("FD(digits)", "↓"), ("FD(pixels)", "↓"), ("KID", "digits ↓"), ("IS", "digits ↑"))
    assert len(headings) == 9  # the other scores of pixels stay in result.json …
    notes = "\n".join(sweep_table([make_record()]).notes)
    assert "recall(pixels)" in notes  # … and the table says so
    assert "recall(digits)" not in notes


def test_only_inception_makes_it_fid(make_record):
    text = plain([make_record(extractors=("inception",))])
    assert "FID" in text
    assert "FD(inception)" not in text
    assert "FID " not in plain([make_record()]).split("\n\n")[1]


def test_leaders_and_rivals_are_marked(make_record):
    values = {"a": (1.0, 0.1), "b": (1.2, 0.1), "c": (2.0, 0.1)}
    table = sweep_table([make_record(name, name, metrics={FD: value}) for name, value in values.items()])
    assert [cell(table, name, "FD(pixels)").best for name in values] == [True, True, False]
    assert cell(table, "a", "FD(pixels)").marks == "*"
    assert not cell(table, "uniform noise", "FD(pixels)").best


def test_higher_is_better_where_it_is(make_record):
    table = sweep_table([make_record("a", "a", metrics={RECALL: (0.2, 0.01)}), make_record("b", "b")])
    assert [cell(table, name, "recall").best for name in "ab"] == [False, True]


def test_variety_alone_is_not_ranked(make_record):
    table = sweep_table([make_record("a", "a", metrics={"digits/vendi_score": (99.0, 0.1)}), make_record("b", "b")])
    assert not cell(table, "a", "Vendi").best
    assert ("Vendi", "digits") in table.sections[0].headings
    assert any(note.startswith("Vendi") for note in table.notes)


def test_one_model_alone_leads_nothing(make_record):
    table = sweep_table([make_record()])
    assert not any(cell.best for section in table.sections for row in section.rows for cell in row.cells)


def test_replicates_are_one_row(make_record):
    runs = [make_record(f"r{i}", family="f", seed=i, metrics={FD: (value, 0.5)}) for i, value in enumerate((1, 2, 3))]
    table = sweep_table(runs)
    assert row(table, "gan").details == ("3 seeds",)
    assert (cell(table, "gan", "FD(pixels)").text, cell(table, "gan", "FD(pixels)").spread) == ("2.0", "1.0")
    assert any("standard deviation over the seeds" in note for note in table.notes)
    assert not any("one run" in note for note in table.notes)


def test_replicates_that_share_a_model_have_one_training_time(make_record):
    shared = sweep_table([make_record(f"r{i}", family="f", model_id="m") for i in range(3)])
    assert cell(shared, "gan", "training", 2).spread == ""
    own = sweep_table([make_record(f"r{i}", family="f", seconds=40 + i) for i in range(3)])
    assert cell(own, "gan", "training", 2).spread == "1.0"


def test_contended_timings_are_marked_and_never_ranked(make_record):
    fast = make_record("a", "a", images_per_second=9000.0, contended=True)
    table = sweep_table([fast, make_record("b", "b"), make_record("c", "c", images_per_second=500.0)])
    assert cell(table, "a", "images/s", 2).text == "~9,000"
    assert [cell(table, name, "images/s", 2).best for name in "abc"] == [False, True, False]
    assert any(note.startswith("~ ") for note in table.notes)
    assert "~" not in plain([make_record()])


def test_toy_budgets_are_marked_and_stand_apart(make_record):
    records = [
        make_record("a", "a"),
        make_record("b", "b", quick=True, metrics={FD: (0.001, 0.0)}),
        make_record("c", "c"),
    ]
    table = sweep_table(records)
    assert [[r.label for r in s.rows] for s in table.sections[:2]] == [
        ["a", "c", "uniform noise"],
        ["b †", "uniform noise"],
    ]
    assert any(note.startswith("† toy budgets") for note in table.notes)
    assert not cell(table, "b †", "FD(pixels)", 1).best


def test_reused_results_are_marked(make_record):
    table = sweep_table([make_record(trained_before=True)])
    assert cell(table, "gan", "training", 2).marks == "°"
    assert cell(table, "gan", "images/s", 2).marks == ""
    assert any(note.startswith("° ") for note in table.notes)


@pytest.mark.parametrize("status", [Status.FAILED, Status.DIVERGED, Status.INCOMPATIBLE])
def test_runs_without_numbers_appear_with_their_reason(make_record, status):
    lost = make_record("lost", "pixelcnn", status=status, reason="stage 'prior': loss is [nan]")
    text = plain([make_record(), lost])
    assert re.search(rf"pixelcnn +{status.value} +stage 'prior': loss is \[nan\]", text)
    assert "loss is [nan]" in plain([lost])


def test_a_lost_seed_is_named_and_the_rest_is_shown(make_record):
    lost = make_record("r1", family="f", seed=7, status=Status.DIVERGED, reason="loss is nan")
    table = sweep_table([make_record("r0", family="f"), lost])
    assert table.unfinished[0].label == "gan · seed 7"
    assert row(table, "gan").details == ()


def test_labels_name_only_what_differs(make_record):
    def config(sampler, steps):
        return {"steps": steps, "sampler": {"name": sampler, "steps": steps}, "guidance": {"name": "none"}}

    runs = [("ddim", 10), ("ddim", 20), ("heun", 10)]
    records = [make_record(f"{s}{n}", "latent_diffusion", config=config(s, n)) for s, n in runs]
    table = sweep_table([*records, make_record("g", config=config("one_shot", 20))])
    details = [row.details for row in table.sections[0].rows if not row.reference]
    assert details == [("ddim", "steps 10"), ("ddim", "steps 20"), ("heun", "steps 10"), ()]
    assert "latent_diffusion · ddim · steps 10" in to_markdown(table)


def test_families_that_look_alike_are_told_apart(make_record):
    table = sweep_table([make_record("a", family="0123456789"), make_record("b", family="abcdefghij")])
    assert [row.details for row in table.sections[0].rows[:2]] == [("01234567",), ("abcdefgh",)]


def test_unequal_protocols_are_not_ranked(make_record):
    other = make_record("b", "b", at_floor={FD: (0.1, 0.001)}, num_samples=3000)
    table = sweep_table([make_record("a", "a"), other])
    assert [section.title.split(" · ")[1][:5] for section in table.sections] == ["1,500", "3,000", "at n ", "cost "]
    assert cell(table, "b", "FD(pixels)", 2).best  # at n = 297 both were measured alike


def test_a_floor_at_full_n_needs_no_section_of_its_own(make_record):
    table = sweep_table([make_record(num_samples=297)])
    assert [row.label for row in table.sections[0].rows] == ["gan", "uniform noise", "real, held out"]
    assert len(table.sections) == 2


def test_plain_text_has_no_codes_and_no_broken_numbers(make_record):
    long = {
        f"{e}/{m}": (1234.5678, 12.3) for e in ("digits", "pixels") for m in ("frechet_distance", "kid", "coverage")
    }
    records = [make_record("a", "latent_diffusion", metrics=long), make_record("b", "pixelcnn", contended=True)]
    text = plain(records)
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= PLAIN_WIDTH
    table = sweep_table(records)
    for section in table.sections:
        for found in section.rows:
            lines = [line for line in text.splitlines() if line.startswith(found.label)]
            assert any(all(c.text + c.marks in line for c in found.cells) for line in lines)
    header = next(line for line in text.splitlines() if "FD(digits)" in line)
    assert "Vendi" in header  # two extractors fit without a second block


def test_columns_that_do_not_fit_follow_below(make_record):
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=80).print(render(sweep_table([make_record("a", "latent_diffusion")]), 80))
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Vendi") == 4  # at n, at the floor, in its note, and among what is not shown
    assert "…" not in text


def test_nothing_to_show_is_shown(make_record):
    assert sweep_table([]).sections == ()
    assert plain([]).strip() == ""


def test_markdown_has_as_many_cells_as_headings(make_record):
    text = to_markdown(sweep_table([make_record("a", "a"), make_record("b", "b", metrics={FD: (0.1, 0.01)})]))
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
