"""Sets of images held as arrays; grids: every pixel of every image where it should be, enlarged and not smoothed."""

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.images import BACKGROUND, ArrayImages, Renamed, save_grid, to_bytes, to_unit_range


def saved(tmp_path, images, **options):
    path = tmp_path / "grid.png"
    save_grid(ArrayImages("some", images), path, **options)
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


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (0, 1, 8, 8)], ids=["two channels", "none"])
def test_what_cannot_be_shown_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="a grid needs"):
        save_grid(ArrayImages("some", torch.zeros(shape, dtype=torch.uint8)), tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------- image sets


def numbered(count=10):
    """Images whose every byte is their number."""
    return np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 3), np.uint8)


@pytest.mark.parametrize("array", [numbered(), torch.from_numpy(numbered())], ids=["numpy", "torch"])
def test_parts_of_parts_count_from_their_own_first_image(array):
    images = ArrayImages("ten", array, {"label": torch.arange(10), "caption": [f"image {i}" for i in range(10)]})
    part = images.part(2, 6).part(1, 3)
    assert (part.id, part.first, part.count, len(part), part.shape) == ("ten", 3, 3, 3, (1, 2, 3))
    assert part.read(0, 3)[:, 0, 0, 0].tolist() == [3, 4, 5]
    assert part.take(torch.tensor([2, 0]))[:, 0, 0, 0].tolist() == [5, 3]
    assert part.columns["label"].tolist() == [3, 4, 5]
    assert list(part.columns["caption"]) == ["image 3", "image 4", "image 5"]
    assert [len(batch) for batch in images.batches(4)] == [4, 4, 2]


def test_what_is_read_is_not_the_array_itself():
    array = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    ArrayImages("two", array).read(0, 2).fill_(9)
    assert int(array.max()) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ArrayImages("x", torch.zeros(2, 1, 2, 2)), "images are uint8"),
        (lambda: ArrayImages("x", np.zeros((2, 2, 2), np.uint8)), "images are uint8"),
        (
            lambda: ArrayImages("x", numbered(), {"label": torch.arange(3)}),
            "column 'label' has 3 entries for 10 images",
        ),
        (lambda: ArrayImages("x", numbered(), first=8, count=3), "there are 10 images"),
        (lambda: ArrayImages("x", numbered()).part(8, 3), "there are 10 images"),
    ],
)
def test_what_is_no_set_of_images_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_renamed_set_has_the_same_images():
    renamed = Renamed("other", ArrayImages("ten", numbered())).part(4, 2)
    assert (renamed.id, len(renamed)) == ("other", 2)
    assert renamed.read(0, 2)[:, 0, 0, 0].tolist() == [4, 5]
    assert renamed.take(torch.tensor([1]))[:, 0, 0, 0].tolist() == [5]


def test_bytes_and_floats():
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(to_unit_range(every)), every)
    assert to_bytes(torch.tensor([-3.0, -1.0, 1.0, 3.0])).tolist() == [0, 0, 255, 255]
    assert to_unit_range(every).min() == -1
    assert to_unit_range(every).max() == pytest.approx(1)
