"""Rows and tables: what is refused when they are made, and what they say before anything runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from genbench.diffusion.grids import Karras
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.samplers import Heun
from genbench.diffusion.schedules import EDM
from genbench.diffusion.tables import DATA, HOOK_DRAWS, Level, Memory, Row, Table, table_of
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.drawing import DrawSpec

NOISY, MIDDLE = Level(0.6, 0.8, 0.7), Level(0.8, 0.6, 0.4)
START = Row(0, NOISY, noise=((0, 0.8),))


def test_a_level_knows_its_log_snr():
    assert MIDDLE.log_snr == pytest.approx(2 * math.log(4 / 3))
    assert (DATA.log_snr, Level(0.0, 1.0, 1.0).log_snr) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": ((1, 0.5), (0, 0.5))}, "must come first"),
        ({"call": NOISY, "memories": (Memory(0, on_state=1.0),)}, "source and its memory"),
        ({"call": NOISY, "source": 2, "memories": (Memory(1), Memory(2, 0.5))}, "slot 2 is a row's source"),
        ({"call": NOISY, "memories": (Memory(1), Memory(1, prediction="unconditional"))}, "two things in one slot"),
        ({"call": NOISY, "memories": ()}, "must remember"),
        ({"noise": ((-1, 0.5),)}, "numbered from 0"),
        ({"noise": ((1, 0.5), (HOOK_DRAWS, 0.5))}, "numbered from 0"),
        ({"noise": ((1, 0.5),), "variance": (0.1, 0.2)}, "need a call"),
        ({"call": NOISY, "variance": (0.1, 0.2)}, "one draw"),
        ({"call": NOISY, "noise": ((1, 0.5), (2, 0.5)), "variance": (0.1, 0.2)}, "one draw"),
        ({"call": NOISY, "noise": ((1, 0.5),), "variance": (0.2, 0.1)}, "low <= high"),
        ({"call": NOISY, "noise": ((1, 0.5),), "variance": (0.0, 0.1)}, "0 < low"),
    ],
)
def test_rows_that_cannot_be_computed_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Row(0, MIDDLE, **options)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((Row(0, NOISY, noise=((1, 0.8),)),), "draws the initial state"),
        ((Row(0, NOISY),), "draws the initial state"),
        ((START, Row(0, MIDDLE, ((0, 1.0), (1, 1.0)))), "reads slot 1 before"),
        ((START, Row(0, MIDDLE, ((0, 1.0),), call=NOISY, source=1, memories=(Memory(2),))), "reads slot 1 before"),
        ((START, Row(3, MIDDLE, ((0, 1.0),))), "of 3 slots writes slots"),
    ],
)
def test_tables_that_cannot_be_run_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        Table(rows, slots=3)


def test_fresh_noise_adds_up_in_variance():
    assert Row(0, MIDDLE, noise=((1, 0.3), (2, -0.4))).fresh == pytest.approx(0.5)
    assert START.fresh == 0.8
    assert Row(0, MIDDLE).fresh == 0


def test_what_is_read_is_known_before_the_run():
    both = Row(0, MIDDLE, ((1, 1.0),), call=NOISY, memories=(Memory(1), Memory(2, prediction="unconditional")))
    table = Table((START, both, Row(0, DATA, ((1, 1.0),), call=MIDDLE)), slots=3)
    assert [row.reads() for row in table.rows] == [(), ("conditional", "unconditional"), ("conditional",)]
    assert table.nfe() == table.nfe(NoGuidance()) == 3
    assert table.nfe(ClassifierFree(2)) == 4
    assert table.nfe(ClassifierFree(2, log_snr_min=0)) == 4  # the row outside remembers the other prediction itself
    assert table.nfe(ClassifierFree(2, log_snr_max=0)) == 3
    assert table.predictions(ClassifierFree(2)) == ("conditional", "unconditional")
    assert Table((START, Row(0, DATA, ((1, 1.0),), call=NOISY)), slots=2).predictions() == ("conditional",)


def test_a_draw_spec_asks_for_a_table():
    draw = DrawSpec(Heun(5), 4, torch.device("cpu"), grid=Karras(rho=3))
    assert table_of(draw, EDM()) == Heun(5).table(EDM(), Karras(rho=3).times(EDM(), 5))
    for other in (replace(draw, grid=None), replace(draw, sampler=OneShot())):
        with pytest.raises(ValueError, match="diffusion sampler and a grid"):
            table_of(other, EDM())
