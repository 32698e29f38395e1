"""Grids: every pixel of every image is where it should be, enlarged and not smoothed."""

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.images import BACKGROUND, save_grid


def saved(tmp_path, images, **options):
    path = tmp_path / "grid.png"
    save_grid(images, path, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["grid.png"]
    return np.asarray(Image.open(path))


def test_pixel_positions(tmp_path):
    images = torch.randint(0, 256, (100, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    grid = saved(tmp_path, images)
    scale, gap = 10, 6
    assert grid.shape == (10 * 86 + gap, 10 * 86 + gap, 3)
    for i in (0, 9, 10, 57, 99):
        row, column = divmod(i, 10)
        top, left = gap + row * 86, gap + column * 86
        tile = grid[top : top + 8 * scale, left : left + 8 * scale]
        expected = images[i, 0].numpy().repeat(scale, 0).repeat(scale, 1)
        assert (tile == expected[:, :, None]).all()
        assert (grid[top - 1, left : left + 80] == BACKGROUND).all()


def test_colours_keep_their_channels(tmp_path):
    image = torch.zeros(1, 3, 4, 6, dtype=torch.uint8)
    image[0, 0], image[0, 2, 1, 2] = 200, 90
    grid = saved(tmp_path, image)
    scale = 800 // 6
    gap = scale * 6 // 12
    assert tuple(grid[gap, gap]) == (200, 0, 0)
    assert tuple(grid[gap + scale, gap + 2 * scale]) == (200, 0, 90)
    assert grid.shape[:2] == (4 * scale + 2 * gap, 6 * scale + 2 * gap)


def test_a_caption_stands_above_and_never_spills(tmp_path):
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    plain, short, long = (saved(tmp_path, images, caption=text) for text in ("", "gan · digits", "long " * 100))
    assert short.shape == long.shape
    assert (short[30:] == plain).all()
    assert short[:30].max() > 200
    assert long[:30, -8:].max() < 100


def test_rows_that_are_not_full_show_the_background(tmp_path):
    grid = saved(tmp_path, torch.full((12, 1, 8, 8), 255, dtype=torch.uint8))
    assert grid.shape[0] == 2 * 86 + 6
    assert tuple(grid[100, 6 + 1 * 86 + 40]) == (255, 255, 255)
    assert tuple(grid[100 + 6, 6 + 2 * 86 + 40]) == BACKGROUND


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 8, 8), torch.zeros(2, 2, 8, 8, dtype=torch.uint8), torch.zeros(0, 1, 8, 8, dtype=torch.uint8)],
    ids=["float", "two channels", "none"],
)
def test_what_is_no_image_is_refused(tmp_path, images):
    with pytest.raises(ValueError, match="a grid needs uint8 images"):
        save_grid(images, tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())
