"""Sequences visit every value once, in the order they promise; known values replace drawn ones."""

from __future__ import annotations

import pytest
import torch

from genbench.autoregressive.sequences import Known, Place, Sequence, pixels, raster


def test_raster_is_row_by_row() -> None:
    grid = raster(2, 3)
    assert grid.places == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert (grid.shape, grid.chunk, grid.event, len(grid)) == ((2, 3), 3, (), 6)
    tokens = raster(4)
    assert tokens.places == ((0,), (1,), (2,), (3,))
    assert tokens.chunk == 4


def test_pixels_are_drawn_channel_by_channel_or_together() -> None:
    one_by_one = pixels(2, 2, 3)
    assert one_by_one.places == tuple((c, i, j) for i in range(2) for j in range(3) for c in range(2))
    assert (one_by_one.shape, one_by_one.chunk, one_by_one.event) == ((2, 2, 3), 6, ())
    together = pixels(2, 2, 3, together=True)
    assert [place[1:] for place in together.places] == [(i, j) for i in range(2) for j in range(3)]
    assert (together.shape, together.chunk, together.event) == ((2, 2, 3), 3, (2,))


def test_any_order_will_do() -> None:
    backwards = Sequence((2, 2), ((1, 1), (1, 0), (0, 1), (0, 0)), chunk=3)
    assert len(backwards) == 4


@pytest.mark.parametrize(
    ("shape", "places", "chunk", "message"),
    [
        ((2, 2), ((0, 0), (0, 1), (1, 0)), 2, r"value at \(1, 1\) has 0 positions"),
        ((2,), ((0,), (1,), (1,)), 2, r"value at \(1,\) has 2 positions"),
        ((2, 2), ((slice(None), 0), (0, 1), (1, 1)), 2, r"shapes \[\(\), \(2,\)\]: all need the same one"),
        ((2,), ((0,), (1,)), 0, r"chunk=0: expected how many positions"),
    ],
)
def test_other_orders_are_refused(shape: tuple[int, ...], places: tuple[Place, ...], chunk: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sequence(shape, places, chunk)


def test_known_values_are_over_drawn_ones_where_the_mask_is() -> None:
    known = Known(torch.tensor([[7, 8], [9, 10]]), torch.tensor([[True, False], [False, True]]))
    drawn = torch.tensor([1, 2])
    assert known.over(drawn, (slice(None), 0)).tolist() == [7, 2]
    assert known.over(drawn, (slice(None), 1)).tolist() == [1, 10]
