"""The sweep's table: what is compared and averaged with what, and what is only marked."""

from dataclasses import replace

from genbench.interfaces.measurement import MARKS, MeasureInfo, Measurement
from genbench.reports.notes import SIGNS

FD, RECALL = "pixels/frechet_distance", "digits/recall"


def with_protocol(value, **protocol):
    return Measurement(value=value, estimand="FD", n=1500, standard_error=0.001, protocol=protocol)


def test_leaders_and_rivals_are_marked(look, make_record):
    values = {"a": (1.0, 0.1), "b": (1.2, 0.1), "c": (2.0, 0.1)}
    table = look([make_record(name, name, metrics={FD: value}) for name, value in values.items()])
    assert [table.cell(name, "FD(pixels)").best for name in values] == [True, True, False]
    assert table.cell("a", "FD(pixels)").marks == "*"
    assert not table.cell("uniform noise", "FD(pixels)").best


def test_higher_is_better_where_it_is(look, make_record):
    table = look([make_record("a", "a", metrics={RECALL: (0.2, 0.01)}), make_record("b", "b")])
    assert [table.cell(name, "recall").best for name in "ab"] == [False, True]


def test_variety_alone_is_not_ranked(look, make_record):
    table = look([make_record("a", "a", metrics={"digits/vendi_score": (99.0, 0.1)}), make_record("b", "b")])
    assert not table.cell("a", "Vendi").best
    assert ("Vendi", "digits") in table.sections[0].headings
    assert "not ranked, since more of it is not better by itself: Vendi" in table.notes


def test_one_model_alone_leads_nothing(look, make_record):
    table = look([make_record()])
    assert not any(cell.best for section in table.sections for row in section.rows for cell in row.cells)


def test_replicates_are_one_row(look, make_record):
    runs = [make_record(f"r{i}", family="f", seed=i, metrics={FD: (value, 0.5)}) for i, value in enumerate((1, 2, 3))]
    table = look(runs)
    assert table.row("gan").details == ("3 seeds",)
    assert (table.cell("gan", "FD(pixels)").text, table.cell("gan", "FD(pixels)").spread) == ("2.0", "1.0")
    assert any("standard deviation over the seeds" in note for note in table.notes)
    assert not any("one run" in note for note in table.notes)


def test_replicates_that_share_a_model_have_one_training_time(look, make_record):
    shared = look([make_record(f"r{i}", family="f", model_id="m") for i in range(3)])
    assert shared.cell("gan", "training", 2).spread == ""
    own = look([make_record(f"r{i}", family="f", costs={"training_seconds": (40.0 + i, None)}) for i in range(3)])
    assert own.cell("gan", "training", 2).spread == "1.0"


def test_contended_timings_are_marked_and_never_ranked(look, make_record):
    fast = make_record("a", "a", costs={"images_per_second": (9000.0, 10.0)}, contended=True)
    slow = make_record("c", "c", costs={"images_per_second": (500.0, 10.0)})
    table = look([fast, make_record("b", "b"), slow])
    assert table.cell("a", "images/s", 2).text == "~9,000"
    assert [table.cell(name, "images/s", 2).best for name in "abc"] == [False, True, False]
    assert f"~ {MARKS['contended']}; not ranked" in table.notes
    assert "~" not in look([make_record()]).text


def test_bounds_are_marked_and_not_ranked_against_exact_numbers(look, make_record):
    def bound(value):
        return Measurement(value=value, estimand="FD", n=1500, standard_error=0.1, marks=("bound",))

    values = {"a": bound(0.1), "b": with_protocol(0.5)}
    table = look([make_record(name, name, metrics={FD: value}) for name, value in values.items()])
    assert table.cell("a", "FD(pixels)").text == "≤0.10"
    assert not any(table.cell(name, "FD(pixels)").best for name in "ab")
    assert f"≤ {MARKS['bound']}" in table.notes
    both = [make_record(name, name, metrics={FD: bound(value)}) for name, value in (("a", 1.0), ("b", 9.0))]
    assert look(both).cell("a", "FD(pixels)").best


def test_every_mark_has_a_sign():
    assert SIGNS.keys() == MARKS.keys()


def test_toy_budgets_are_marked_and_stand_apart(look, make_record):
    records = [
        make_record("a", "a"),
        make_record("b", "b", quick=True, metrics={FD: (0.001, 0.0)}),
        make_record("c", "c"),
    ]
    table = look(records)
    assert [[r.label for r in s.rows] for s in table.sections[:2]] == [
        ["a", "c", "uniform noise"],
        ["b †", "uniform noise"],
    ]
    assert any(note.startswith("† toy budgets") for note in table.notes)
    assert not table.cell("b †", "FD(pixels)", 1).best


def test_a_single_marked_number_says_so_itself(look, make_record):
    values = {"a": replace(with_protocol(0.1), marks=("quick",)), "b": with_protocol(0.5), "c": with_protocol(9.0)}
    table = look([make_record(name, name, metrics={FD: value}) for name, value in values.items()])
    assert [table.cell(name, "FD(pixels)").best for name in "abc"] == [False, True, False]
    assert table.row("a").label == "a"
    assert table.cell("a", "FD(pixels)").marks == "†"
    assert any(note.startswith("† ") for note in table.notes)


def test_unequal_protocols_are_not_ranked_and_the_difference_is_named(look, make_record):
    limits = {"a": 1000, "b": 2000}
    records = [make_record(name, name, metrics={FD: with_protocol(0.1, limit=limits[name], k=3)}) for name in limits]
    alike = make_record("c", "c", metrics={FD: with_protocol(9.0, limit=1000, k=3)})
    table = look([*records, alike])
    assert not any(table.cell(name, "FD(pixels)").best for name in "abc")
    assert look([records[0], alike]).cell("a", "FD(pixels)").best
    told = "not ranked or averaged, since measured by unequal protocols: FD(pixels) (they differ in limit)"
    assert told in table.notes


def test_replicates_of_unequal_protocols_are_not_averaged(look, make_record):
    records = [make_record(f"r{k}", family="f", seed=k, metrics={FD: with_protocol(1.0, k=k)}) for k in (3, 5)]
    table = look(records)
    assert table.cell("gan", "FD(pixels)").text == "–"
    assert table.cell("gan", "recall").text == "0.500"
    assert any("unequal protocols: FD(pixels) (they differ in k)" in note for note in table.notes)


def test_two_machines_give_one_quality_row_and_two_cost_rows(look, make_record):
    speeds = {"EPYC": 1000.0, "Xeon": 2000.0}
    records = [
        make_record(f"r{i}", family="f", seed=i, device=cpu, costs={"images_per_second": (speed, 10.0)})
        for i, (cpu, speed) in enumerate(speeds.items())
    ]
    quality, at_held_out, *costs = look(records).sections
    assert [section.rows[0].label for section in (quality, at_held_out)] == ["gan", "gan"]
    assert quality.rows[0].details == ("2 seeds",)
    assert [(section.title, [row.cells[0].text for row in section.rows]) for section in costs] == [
        ("digits · cost on EPYC, 1 thread, float32", ["1,000"]),
        ("digits · cost on Xeon, 1 thread, float32", ["2,000"]),
    ]
    assert all(row.details == () for section in costs for row in section.rows)


def test_two_torches_on_one_machine_give_two_cost_rows_that_say_so(look, make_record):
    records = [
        make_record(f"r{i}", family="f", seed=i, clock_family=f"clock {i}", torch=torch)
        for i, torch in enumerate(("2.8.0", "2.9.1"))
    ]
    table = look(records)
    assert [row.details for row in table.sections[2].rows] == [("torch 2.8.0",), ("torch 2.9.1",)]
    assert "made with different versions of torch: 2.8.0 (gan); 2.9.1 (gan)" in table.notes


def test_seeds_of_one_clock_are_pooled(look, make_record):
    records = [
        make_record(f"r{i}", family="f", seed=i, costs={"images_per_second": (1000.0 + i, 1.0)}) for i in range(3)
    ]
    found = look(records).cell("gan", "images/s", 2)
    assert (found.text, found.spread) == ("1,001.0", "1.0")


def test_a_replicate_without_a_number_leaves_those_of_the_others(look, make_record):
    nothing = Measurement(value=None, estimand="FD", n=1500, reason="it came to NaN")
    runs = [
        make_record(f"r{i}", family="f", seed=i, metrics={FD: value}) for i, value in enumerate([nothing, (2.0, 0.1)])
    ]
    table = look(runs)
    assert (table.cell("gan", "FD(pixels)").text, table.cell("gan", "FD(pixels)").spread) == ("2.00", "0.10")


def test_a_likelihood_counts_once_for_a_model_that_was_drawn_from_twice(look, make_record, make_scores):
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
    table = look(runs)
    assert (table.cell("gan", "bits/dim").text, table.cell("gan", "bits/dim").spread) == ("1.50", "0.10")
    assert table.cell("gan", "FD(pixels)").spread == "1.0"
