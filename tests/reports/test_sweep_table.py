"""The sweep's table: what is in it, what is compared with what, and how it looks where there is no terminal."""

import io
import re

import pytest

from genbench.interfaces.measurement import MARKS, Measurement
from genbench.reports.cells import number, scaled, significant
from genbench.reports.console import PLAIN_WIDTH
from genbench.reports.markdown import to_markdown
from genbench.reports.notes import SIGNS
from genbench.reports.sweep import sweep_table
from genbench.reports.table import print_table, render
from genbench.store.records import Status
from genbench.store.sweeps import Sweep

FD, RECALL = "pixels/frechet_distance", "digits/recall"
SWEEP = Sweep(sweep_id="s", command="", utc="")


def row(table, label, section=0):
    return next(row for row in table.sections[section].rows if row.label.startswith(label))


def cell(table, label, heading, section=0):
    found = table.sections[section]
    at = next(i for i, (first, second) in enumerate(found.headings) if heading in (first, f"{first} {second}"))
    return row(table, label, section).cells[at]


def plain(records):
    file = io.StringIO()
    print_table(SWEEP, records, file)
    return file.getvalue()


def labels_of(section):
    return [row.label for row in section.rows]


def test_values_and_references_appear_where_they_belong(make_record):
    table = sweep_table(
        [
            make_record(
                metrics={FD: (1.234, 0.056)},
                at_held_out={FD: (2.5, 0.2)},
                held_out={FD: (0.9, 0.1)},
                noise={FD: (77.0, 1.0)},
            )
        ]
    )
    full, at_held_out, cost = table.sections
    assert (cell(table, "gan", "FD(pixels)").text, cell(table, "gan", "FD(pixels)").spread) == ("1.234", "0.056")
    assert labels_of(full) == ["gan", "uniform noise"]
    assert cell(table, "uniform noise", "FD(pixels)").text == "77.0"
    assert full.title == "digits · n = 1,500, against the 1,500 images of 'train'"
    assert labels_of(at_held_out) == ["gan", "real, held out"]
    assert cell(table, "gan", "FD(pixels)", 1).text == "2.50"
    assert cell(table, "real, held out", "FD(pixels)", 1).text == "0.90"
    assert at_held_out.title == "digits · n = 297, as many as there are real held-out images"
    assert cost.title == "digits · cost on a processor, 1 thread, float32"
    assert labels_of(cost) == ["gan"]


def test_cost_in_units_for_people(make_record):
    table = sweep_table([make_record()])
    expected = {
        "images/s": "1,000",
        "latency p50": "3.25",
        "latency p90": "4.50",
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
    assert "not ranked, since more of it is not better by itself: Vendi" in table.notes


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
    own = sweep_table(
        [make_record(f"r{i}", family="f", costs={"training_seconds": (40.0 + i, None)}) for i in range(3)]
    )
    assert cell(own, "gan", "training", 2).spread == "1.0"


def test_contended_timings_are_marked_and_never_ranked(make_record):
    fast = make_record("a", "a", costs={"images_per_second": (9000.0, 10.0)}, contended=True)
    slow = make_record("c", "c", costs={"images_per_second": (500.0, 10.0)})
    table = sweep_table([fast, make_record("b", "b"), slow])
    assert cell(table, "a", "images/s", 2).text == "~9,000"
    assert [cell(table, name, "images/s", 2).best for name in "abc"] == [False, True, False]
    assert f"~ {MARKS['contended']}; not ranked" in table.notes
    assert "~" not in plain([make_record()])


def test_bounds_are_marked_and_not_ranked_against_exact_numbers(make_record):
    def bound(value):
        return Measurement(value=value, estimand="FD", n=1500, standard_error=0.1, marks=("bound",))

    table = sweep_table([make_record("a", "a", metrics={FD: bound(0.1)}), make_record("b", "b")])
    assert cell(table, "a", "FD(pixels)").text == "≤0.10"
    assert not any(cell(table, name, "FD(pixels)").best for name in "ab")
    assert f"≤ {MARKS['bound']}" in table.notes
    both = [make_record(name, name, metrics={FD: bound(value)}) for name, value in (("a", 1.0), ("b", 9.0))]
    assert cell(sweep_table(both), "a", "FD(pixels)").best


def test_every_mark_has_a_sign():
    assert SIGNS.keys() == MARKS.keys()


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


def test_what_an_earlier_run_paid_for_is_marked(make_record, make_made):
    table = sweep_table([make_record(stage_made=make_made())])
    assert cell(table, "gan", "training", 2).marks == "°"
    assert cell(table, "gan", "images/s", 2).marks == ""
    assert any(note.startswith("° ") for note in table.notes)
    assert cell(sweep_table([make_record(timing_made=make_made())]), "gan", "images/s", 2).marks == "°"


def test_a_single_marked_number_says_so_itself(make_record):
    toy = Measurement(value=1.0, estimand="FD", n=1500, standard_error=0.1, marks=("quick",))
    table = sweep_table([make_record("a", "a", metrics={FD: toy}), make_record("b", "b"), make_record("c", "c")])
    assert row(table, "a").label == "a"
    assert cell(table, "a", "FD(pixels)").marks == "†"
    assert any(note.startswith("† ") for note in table.notes)


@pytest.mark.parametrize("status", ["failed", "diverged", "incompatible", "abducted"])
def test_runs_without_numbers_appear_with_their_reason(make_record, status):
    lost = make_record("lost", "pixelcnn", status=status, reason="stage 'prior': loss is [nan]")
    text = plain([make_record(), lost])
    assert re.search(rf"pixelcnn +{status} +stage 'prior': loss is \[nan\]", text)
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
    details = [row.details for row in table.sections[0].rows if row.role == "model"]
    assert details == [("ddim", "steps 10"), ("ddim", "steps 20"), ("heun", "steps 10"), ()]
    assert "latent_diffusion · ddim · steps 10" in to_markdown(table)


def test_families_that_look_alike_are_told_apart(make_record):
    table = sweep_table([make_record("a", family="0123456789"), make_record("b", family="abcdefghij")])
    assert [row.details for row in table.sections[0].rows[:2]] == [("01234567",), ("abcdefgh",)]


def with_protocol(value, **protocol):
    return Measurement(value=value, estimand="FD", n=1500, standard_error=0.001, protocol=protocol)


def test_unequal_protocols_are_not_ranked_and_the_difference_is_named(make_record):
    limits = {"a": 1000, "b": 2000}
    records = [make_record(name, name, metrics={FD: with_protocol(0.1, limit=limits[name], k=3)}) for name in limits]
    alike = make_record("c", "c", metrics={FD: with_protocol(9.0, limit=1000, k=3)})
    table = sweep_table([*records, alike])
    assert not any(cell(table, name, "FD(pixels)").best for name in "abc")
    assert cell(sweep_table([records[0], alike]), "a", "FD(pixels)").best
    told = "not ranked or averaged, since measured by unequal protocols: FD(pixels) (they differ in limit)"
    assert told in table.notes


def test_replicates_of_unequal_protocols_are_not_averaged(make_record):
    records = [make_record(f"r{k}", family="f", seed=k, metrics={FD: with_protocol(1.0, k=k)}) for k in (3, 5)]
    table = sweep_table(records)
    assert cell(table, "gan", "FD(pixels)").text == "–"
    assert cell(table, "gan", "recall").text == "0.500"
    assert any("unequal protocols: FD(pixels) (they differ in k)" in note for note in table.notes)


def test_other_numbers_of_images_stand_apart(make_record):
    other = make_record("b", "b", at_held_out={FD: (0.1, 0.001)}, num_samples=3000)
    table = sweep_table([make_record("a", "a"), other])
    assert [section.title.split(" · ")[1].split(",", 1)[0] for section in table.sections[:2]] == ["n = 1", "n = 3"]
    assert labels_of(table.sections[2]) == ["a", "b", "real, held out"]
    assert cell(table, "b", "FD(pixels)", 2).best  # at n = 297 both were measured alike


def test_references_at_full_n_need_no_section_of_their_own(make_record):
    table = sweep_table([make_record(num_samples=297)])
    assert labels_of(table.sections[0]) == ["gan", "uniform noise", "real, held out"]
    assert len(table.sections) == 2


def test_two_machines_give_one_quality_row_and_two_cost_rows(make_record):
    speeds = {"EPYC": 1000.0, "Xeon": 2000.0}
    records = [
        make_record(f"r{i}", family="f", seed=i, device=cpu, costs={"images_per_second": (speed, 10.0)})
        for i, (cpu, speed) in enumerate(speeds.items())
    ]
    quality, at_held_out, *costs = sweep_table(records).sections
    assert [labels_of(section)[0] for section in (quality, at_held_out)] == ["gan", "gan"]
    assert quality.rows[0].details == ("2 seeds",)
    assert [(section.title, [row.cells[0].text for row in section.rows]) for section in costs] == [
        ("digits · cost on EPYC, 1 thread, float32", ["1,000"]),
        ("digits · cost on Xeon, 1 thread, float32", ["2,000"]),
    ]
    assert all(row.details == () for section in costs for row in section.rows)


def test_two_torches_on_one_machine_give_two_cost_rows_that_say_so(make_record):
    records = [
        make_record(f"r{i}", family="f", seed=i, clock_family=f"clock {i}", torch=torch)
        for i, torch in enumerate(("2.8.0", "2.9.1"))
    ]
    table = sweep_table(records)
    assert [row.details for row in table.sections[2].rows] == [("torch 2.8.0",), ("torch 2.9.1",)]
    assert "made with different versions of torch: 2.8.0 (gan); 2.9.1 (gan)" in table.notes


def test_seeds_of_one_clock_are_pooled(make_record):
    records = [
        make_record(f"r{i}", family="f", seed=i, costs={"images_per_second": (1000.0 + i, 1.0)}) for i in range(3)
    ]
    found = cell(sweep_table(records), "gan", "images/s", 2)
    assert (found.text, found.spread) == ("1,001.0", "1.0")


def test_other_versions_of_what_a_learner_imports_are_a_note(make_record, make_made):
    records = [
        make_record("a", "a", stage_made=make_made(diffusers="0.30")),
        make_record("b", "b", stage_made=make_made(diffusers="0.31")),
    ]
    assert "made with different versions of diffusers: 0.30 (a); 0.31 (b)" in sweep_table(records).notes
    older = make_record("c", "c", stage_made=make_made(torch="2.8.0"))  # trained before, drawn now
    assert any("versions of torch: 2.8.0 (c); 2.9.1 (c)" in note for note in sweep_table([older]).notes)
    assert not any("versions of" in note for note in sweep_table([records[0], make_record("d", "d")]).notes)


def test_images_that_were_given_stand_in_one_table_with_a_trained_run(make_record, make_given):
    folder = make_given("f", "my folder", metrics={FD: (0.3, 0.01)})
    train = make_given("t", "training split", metrics={FD: (0.0, 0.0)})
    table = sweep_table([make_record("a", "gan"), folder, train])
    assert labels_of(table.sections[0]) == ["gan", "my folder", "training split", "uniform noise"]
    assert [cell(table, name, "FD(pixels)").best for name in ("gan", "my folder", "training split")] == [
        False,
        False,
        True,
    ]
    assert [labels_of(section) for section in table.sections[1:]] == [["gan", "real, held out"], ["gan"]]
    assert "my folder" in plain([folder])


def test_a_further_row_stands_under_its_model(make_record, make_scores):
    records = [
        make_record(name, name, further={"reconstructed": make_scores({FD: (i + 0.1, 0.01)}, 297, ("pixels",))})
        for i, name in enumerate("ab")
    ]
    section = sweep_table(records).sections[1]
    assert [(row.label, row.details, row.role) for row in section.rows] == [
        ("a", (), "model"),
        ("reconstructed", ("of a",), "extra"),
        ("b", (), "model"),
        ("reconstructed", ("of b",), "extra"),
        ("real, held out", (), "reference"),
    ]
    assert not section.rows[1].cells[0].best


def test_a_further_row_of_all_images_stands_among_these(make_record, make_scores):
    pasted = make_scores({FD: (0.2, 0.01)}, 1500, ("pixels",))
    table = sweep_table([make_record("a", "a", further={"before pasting": pasted}), make_record("b", "b")])
    assert labels_of(table.sections[0]) == ["a", "before pasting", "b", "uniform noise"]


def test_a_further_row_that_models_share_stands_once(make_record, make_scores):
    bicubic = make_scores({FD: (0.7, 0.01)}, 1500, ("pixels",))
    table = sweep_table([make_record(name, name, further={"bicubic": bicubic}) for name in "ab"])
    assert labels_of(table.sections[0]) == ["a", "b", "bicubic", "uniform noise"]
    assert row(table, "bicubic").details == ()
    assert cell(table, "bicubic", "FD(pixels)").text == "0.700"


def test_a_missing_number_is_a_dash_with_its_reason(make_record):
    nothing = Measurement(value=None, estimand="FD", n=1500, reason="it came to NaN")
    left_out = {"pixels/inception_score": "pixels give no logits"}
    table = sweep_table(
        [
            make_record("a", "a", metrics={FD: nothing, RECALL: nothing}, left_out=left_out),
            make_record("b", "b", left_out=left_out),
        ]
    )
    assert cell(table, "a", "FD(pixels)").text == "–"
    assert "no FD(pixels), recall(digits) of a: it came to NaN" in table.notes
    assert "no IS(pixels): pixels give no logits" in table.notes


def test_a_replicate_without_a_number_leaves_those_of_the_others(make_record):
    nothing = Measurement(value=None, estimand="FD", n=1500, reason="it came to NaN")
    runs = [
        make_record(f"r{i}", family="f", seed=i, metrics={FD: value}) for i, value in enumerate([nothing, (2.0, 0.1)])
    ]
    table = sweep_table(runs)
    assert (cell(table, "gan", "FD(pixels)").text, cell(table, "gan", "FD(pixels)").spread) == ("2.00", "0.10")


def test_a_likelihood_counts_once_for_a_model_that_was_drawn_from_twice(make_record, make_scores):
    from dataclasses import replace

    from genbench.interfaces.measurement import MeasureInfo

    info = MeasureInfo(name="bits_per_dim", heading="bits/dim", kind="likelihood", direction="lower")
    bits = Measurement(value=1.5, standard_error=0.1, estimand="bits", n=297, direction="lower")
    runs = [make_record(f"r{i}", family="f", seed=i, model_id="m", metrics={FD: (1.0 + i, 0.1)}) for i in range(3)]
    runs = [
        replace(
            run,
            measures={**run.measures, info.name: info},
            rows={**run.rows, "generated": {**run.rows["generated"], info.name: bits}},
        )
        for run in runs
    ]
    table = sweep_table(runs)
    assert (cell(table, "gan", "bits/dim").text, cell(table, "gan", "bits/dim").spread) == ("1.50", "0.10")
    assert cell(table, "gan", "FD(pixels)").spread == "1.0"


def test_numbers_of_one_group_have_no_column(make_record):
    grouped = Measurement(value=1.0, estimand="FD", n=150, standard_error=0.1, group=("label", "3"))
    table = sweep_table([make_record(metrics={"digits/recall": grouped})])
    assert not any(heading[0] == "recall" for heading in table.sections[0].headings)
    assert any("not shown" in note and "recall(digits)" in note for note in table.notes)


def test_rows_stand_in_the_order_of_the_records(make_record):
    records = [make_record(name, name, num_samples=n) for name, n in (("c", 1500), ("a", 1500), ("b", 1500))]
    assert labels_of(sweep_table(records).sections[0]) == ["c", "a", "b", "uniform noise"]


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
    assert text.count("Vendi") == 4  # in two sections, in its note, and among what is not shown
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
