"""The sweep's table: what is in it, under which heading, in which section."""

from genbench.interfaces.measurement import Measurement

FD, RECALL = "pixels/frechet_distance", "digits/recall"


def test_values_and_references_appear_where_they_belong(look, make_record):
    table = look(
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
    assert (table.cell("gan", "FD(pixels)").text, table.cell("gan", "FD(pixels)").spread) == ("1.234", "0.056")
    assert table.labels[0] == ["gan", "uniform noise"]
    assert table.cell("uniform noise", "FD(pixels)").text == "77.0"
    assert full.title == "digits · n = 1,500, against the 1,500 images of 'train'"
    assert table.labels[1] == ["gan", "real, held out"]
    assert table.cell("gan", "FD(pixels)", 1).text == "2.50"
    assert table.cell("real, held out", "FD(pixels)", 1).text == "0.90"
    assert at_held_out.title == "digits · n = 297, as many as there are real held-out images"
    assert cost.title == "digits · cost on a processor, 1 thread, float32"
    assert table.labels[2] == ["gan"]


def test_cost_in_units_for_people(look, make_record):
    table = look([make_record()])
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
    assert {heading: table.cell("gan", heading, 2).text for heading in expected} == expected
    assert table.cell("gan", "images/s", 2).spread == "10"


def test_headings_carry_extractor_and_direction(look, make_record):
    headings = look([make_record()]).sections[0].headings
    assert headings[:4] == (("FD(digits)", "↓"), ("FD(pixels)", "↓"), ("KID", "digits ↓"), ("IS", "digits ↑"))
    assert len(headings) == 9  # the other scores of pixels stay in result.json …
    notes = "\n".join(look([make_record()]).notes)
    assert "recall(pixels)" in notes  # … and the table says so
    assert "recall(digits)" not in notes


def test_only_inception_makes_it_fid(look, make_record):
    text = look([make_record(extractors=("inception",))]).text
    assert "FID" in text
    assert "FD(inception)" not in text
    assert "FID " not in look([make_record()]).text.split("\n\n")[1]


def test_what_an_earlier_run_paid_for_is_marked(look, make_record, make_made):
    table = look([make_record(stage_made=make_made())])
    assert table.cell("gan", "training", 2).marks == "°"
    assert table.cell("gan", "images/s", 2).marks == ""
    assert any(note.startswith("° ") for note in table.notes)
    assert look([make_record(timing_made=make_made())]).cell("gan", "images/s", 2).marks == "°"


def test_a_lost_seed_is_named_and_the_rest_is_shown(look, make_record):
    lost = make_record("r1", family="f", seed=7, status="diverged", reason="loss is nan")
    table = look([make_record("r0", family="f"), lost])
    assert table.unfinished[0].label == "gan · seed 7"
    assert table.row("gan").details == ()


def test_other_numbers_of_images_stand_apart(look, make_record):
    other = make_record("b", "b", at_held_out={FD: (0.1, 0.001)}, num_samples=3000)
    table = look([make_record("a", "a"), other])
    assert [section.title.split(" · ")[1].split(",", 1)[0] for section in table.sections[:2]] == ["n = 1", "n = 3"]
    assert table.labels[2] == ["a", "b", "real, held out"]
    assert table.cell("b", "FD(pixels)", 2).best  # at n = 297 both were measured alike


def test_references_at_full_n_need_no_section_of_their_own(look, make_record):
    table = look([make_record(num_samples=297)])
    assert table.labels[0] == ["gan", "uniform noise", "real, held out"]
    assert len(table.sections) == 2


def test_other_versions_of_what_a_learner_imports_are_a_note(look, make_record, make_made):
    records = [
        make_record("a", "a", stage_made=make_made(diffusers="0.30")),
        make_record("b", "b", stage_made=make_made(diffusers="0.31")),
    ]
    assert "made with different versions of diffusers: 0.30 (a); 0.31 (b)" in look(records).notes
    older = make_record("c", "c", stage_made=make_made(torch="2.8.0"))  # trained before, drawn now
    assert any("versions of torch: 2.8.0 (c); 2.9.1 (c)" in note for note in look([older]).notes)
    assert not any("versions of" in note for note in look([records[0], make_record("d", "d")]).notes)


def test_images_that_were_given_stand_in_one_table_with_a_trained_run(look, make_record, make_given):
    folder = make_given("f", "my folder", metrics={FD: (0.3, 0.01)})
    train = make_given("t", "training split", metrics={FD: (0.0, 0.0)})
    table = look([make_record("a", "gan"), folder, train])
    assert table.labels[0] == ["gan", "my folder", "training split", "uniform noise"]
    assert [table.cell(name, "FD(pixels)").best for name in ("gan", "my folder", "training split")] == [
        False,
        False,
        True,
    ]
    assert table.labels[1:] == [["gan", "real, held out"], ["gan"]]
    assert "my folder" in look([folder]).text


def test_a_further_row_stands_under_its_model(look, make_record, make_scores):
    records = [
        make_record(name, name, further={"reconstructed": make_scores({FD: (i + 0.1, 0.01)}, 297, ("pixels",))})
        for i, name in enumerate("ab")
    ]
    section = look(records).sections[1]
    assert [(row.label, row.details, row.role) for row in section.rows] == [
        ("a", (), "model"),
        ("reconstructed", ("of a",), "extra"),
        ("b", (), "model"),
        ("reconstructed", ("of b",), "extra"),
        ("real, held out", (), "reference"),
    ]
    assert not section.rows[1].cells[0].best


def test_a_further_row_of_all_images_stands_among_these(look, make_record, make_scores):
    pasted = make_scores({FD: (0.2, 0.01)}, 1500, ("pixels",))
    table = look([make_record("a", "a", further={"before pasting": pasted}), make_record("b", "b")])
    assert table.labels[0] == ["a", "before pasting", "b", "uniform noise"]


def test_a_further_row_that_models_share_stands_once(look, make_record, make_scores):
    bicubic = make_scores({FD: (0.7, 0.01)}, 1500, ("pixels",))
    table = look([make_record(name, name, further={"bicubic": bicubic}) for name in "ab"])
    assert table.labels[0] == ["a", "b", "bicubic", "uniform noise"]
    assert table.row("bicubic").details == ()
    assert table.cell("bicubic", "FD(pixels)").text == "0.700"


def test_a_missing_number_is_a_dash_with_its_reason(look, make_record):
    nothing = Measurement(value=None, estimand="FD", n=1500, reason="it came to NaN")
    left_out = {
        "pixels/inception_score": "pixels give no logits",
        "noise: digits/kid": "too few images",
        "reconstructed: digits/kid": "too few images",
    }
    table = look(
        [
            make_record("a", "a", metrics={FD: nothing, RECALL: nothing}, left_out=left_out),
            make_record("b", "b", left_out=left_out),
        ]
    )
    assert table.cell("a", "FD(pixels)").text == "–"
    assert "no FD(pixels), recall(digits) of a: it came to NaN" in table.notes
    assert "no IS(pixels): pixels give no logits" in table.notes
    of = "uniform noise, reconstructed · of a, reconstructed · of b"
    assert f"no KID(digits) of {of}: too few images" in table.notes


def test_numbers_of_one_group_have_no_column(look, make_record):
    grouped = Measurement(value=1.0, estimand="FD", n=150, standard_error=0.1, group=("label", "3"))
    table = look([make_record(metrics={"digits/recall": grouped})])
    assert not any(heading[0] == "recall" for heading in table.sections[0].headings)
    assert any("not shown" in note and "recall(digits)" in note for note in table.notes)


def test_rows_stand_in_the_order_of_the_records(look, make_record):
    records = [make_record(name, name, num_samples=n) for name, n in (("c", 1500), ("a", 1500), ("b", 1500))]
    assert look(records).labels[0] == ["c", "a", "b", "uniform noise"]
