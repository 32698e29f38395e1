"""Keyed noise: exact against big integers, independent of the batch, and distributed as it says."""

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtri
from torch import Tensor

from genbench.drawing.noise import GUMBEL, NORMAL, UNIFORM, _table, gumbel, normal, uniform
from genbench.drawing.seeds import GOLDEN, MASK, finalise, image_keys, mix

KINDS = [normal, uniform, gumbel]


def hashed(key: int, kind: int, draw: int, element: int) -> int:
    """The 64 bits behind an element, in Python's big integers."""
    root = finalise((key + GOLDEN) & MASK)
    start, twist = (finalise((root + mix(kind, draw, part)) & MASK) for part in (0, 1))
    z = (start + GOLDEN * element) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK) ^ twist
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def exact_normal(key: int, draw: int, element: int) -> float:
    """The value in floating point: one 32-bit half of a hash is a sign and 31 bits of tail probability."""
    word = hashed(key, NORMAL, draw, element // 2) >> (32 * (element % 2)) & 0xFFFFFFFF
    magnitude = -float(ndtri(((word & 0x7FFFFFFF) + 0.5) / 2**32))
    return -magnitude if word >> 31 else magnitude


KEYS = [0, 1, -1, 2**63 - 1, -(2**63), 123456789123456789]


@pytest.mark.parametrize("draw", [0, 1, 1000])
def test_agrees_with_big_integers(draw: int) -> None:
    keys = torch.tensor(KEYS)
    for i, key in enumerate(KEYS):
        for element in range(9):
            z = float(normal(keys, draw, (3, 3), torch.float64)[i].flatten()[element])
            assert z == pytest.approx(exact_normal(key, draw, element), abs=3e-7)
            u = float(uniform(keys, draw, (3, 3), torch.float64)[i].flatten()[element])
            assert u == (2 * (hashed(key, UNIFORM, draw, element) >> 12) + 1) / 2**53
            v = (2 * (hashed(key, GUMBEL, draw, element) >> 12) + 1) / 2**53
            g = float(gumbel(keys, draw, (3, 3), torch.float64)[i].flatten()[element])
            assert g == pytest.approx(-math.log(-math.log(v)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("draw_noise", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (1, 8, 8), (13,)])
def test_is_the_same_bits_in_any_batch(
    draw_noise: Callable[..., Tensor], dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    keys = image_keys(3, 0, 37)
    whole = draw_noise(keys, 2, shape, dtype)
    assert whole.shape == (37, *shape)
    assert whole.dtype == dtype
    for size in (1, 5, 16):
        assert torch.equal(whole, torch.cat([draw_noise(part, 2, shape, dtype) for part in keys.split(size)]))
    order = torch.arange(36, -1, -1)
    assert torch.equal(whole[order], draw_noise(keys[order], 2, shape, dtype))


def test_an_element_does_not_depend_on_how_many_there_are() -> None:
    keys = image_keys(0, 0, 4)
    for draw_noise in KINDS:
        assert torch.equal(draw_noise(keys, 0, (50,))[:, :7], draw_noise(keys, 0, (7,)))


def test_keys_are_left_alone() -> None:
    keys = image_keys(0, 0, 4)
    before = keys.clone()
    for draw_noise in KINDS:
        draw_noise(keys, 0, (7,))
    assert torch.equal(keys, before)


def test_narrow_types_are_rounded_wide_ones() -> None:
    keys = image_keys(1, 0, 64)
    for draw_noise in (normal, gumbel):
        assert torch.equal(draw_noise(keys, 0, (99,), torch.float64).float(), draw_noise(keys, 0, (99,)))
    assert torch.equal(normal(keys, 0, (99,)).bfloat16(), normal(keys, 0, (99,), torch.bfloat16))
    difference = uniform(keys, 0, (99,), torch.float64) - uniform(keys, 0, (99,))
    assert difference.abs().max() < 2**-24


def test_uniform_is_refused_where_it_would_reach_one() -> None:
    with pytest.raises(TypeError, match="open interval"):
        uniform(image_keys(0, 0, 1), 0, (1,), torch.float16)


def test_table_is_pinned_and_accurate() -> None:
    values, slopes = _table(torch.device("cpu"))
    digest = hashlib.sha256(values.numpy().astype("<i4").tobytes()).hexdigest()
    assert digest == "dae88c9b5105909c4e99347bd387080d3834487c1f807c8794437d61a2498915"
    place = np.arange(len(values))
    v = 2.0 ** (place // 1024 - 1) * (1 + place % 1024 / 1024)
    assert np.abs(values.numpy() + 2.0**28 * ndtri(v / 2**32)).max() < 1
    # Between the points: half-way is where linear interpolation is worst.
    middle = (v[:-1] + v[1:]) / 2
    interpolated = (values[:-1].double() + slopes[:-1].double() / 2).numpy() / 2**28
    assert np.abs(interpolated + ndtri(middle / 2**32)).max() < 1e-6
    assert int(slopes.abs().max()) * 0x1FFF < 2**31


ROWS, COLUMNS = 4000, 256


@pytest.fixture(scope="module")
def sample() -> Tensor:
    return normal(image_keys(0, 0, ROWS), 0, (COLUMNS,), torch.float64)


def test_normal_moments_and_tails(sample: Tensor) -> None:
    x = sample.numpy().ravel()
    n = len(x)
    moments = {  # (estimate - expected) / standard error for a standard normal
        "mean": x.mean() * math.sqrt(n),
        "variance": ((x**2).mean() - 1) * math.sqrt(n / 2),
        "skewness": (x**3).mean() * math.sqrt(n / 15),
        "kurtosis": ((x**4).mean() - 3) * math.sqrt(n / 96),
    }
    assert all(abs(z) < 3.5 for z in moments.values()), moments
    assert stats.kstest(x, "norm").pvalue > 0.01
    for threshold in (2.0, 3.0, 4.0, 4.5):
        expected = 2 * n * stats.norm.sf(threshold)
        assert abs((np.abs(x) > threshold).sum() - expected) < 3.5 * math.sqrt(expected)
    assert np.abs(x).max() < 6.35


def test_neighbouring_streams_are_uncorrelated(sample: Tensor) -> None:
    other_draw = normal(image_keys(0, 0, ROWS), 1, (COLUMNS,), torch.float64)
    consecutive_keys = normal(torch.arange(ROWS), 0, (COLUMNS,), torch.float64)
    spaced_keys = normal(torch.arange(ROWS) << 20, 0, (COLUMNS,), torch.float64)
    other_kind = torch.special.ndtri(uniform(image_keys(0, 0, ROWS), 0, (COLUMNS,), torch.float64))
    pairs = {
        "draws": (sample, other_draw),
        "elements": (sample[:, :-1], sample[:, 1:]),
        "halves of a hash": (sample[:, 0::2], sample[:, 1::2]),
        "images": (sample[:-1], sample[1:]),
        "keys": (consecutive_keys[:-1], consecutive_keys[1:]),
        "spaced keys": (spaced_keys[:-1], spaced_keys[1:]),
        "diagonal": (consecutive_keys[:-1, :-1], consecutive_keys[1:, 1:]),
        "kinds": (sample, other_kind),
    }
    for name, (a, b) in pairs.items():
        n = a.numel()
        assert abs(float((a * b).sum())) / math.sqrt(n) < 3.5, name
        assert abs(float(((a**2 - 1) * (b**2 - 1)).sum())) / math.sqrt(4 * n) < 3.5, f"{name}, squared"


def test_uniform_and_gumbel_distributions() -> None:
    keys = image_keys(0, 0, 1000)
    for dtype in (torch.float32, torch.float64):
        u = uniform(keys, 0, (200,), dtype)
        assert 0 < float(u.min()) < 1e-3
        assert 1 - 1e-3 < float(u.max()) < 1
        assert stats.kstest(u.double().numpy().ravel(), "uniform").pvalue > 0.01
    assert stats.kstest(gumbel(keys, 0, (200,), torch.float64).numpy().ravel(), "gumbel_r").pvalue > 0.01


def test_gumbel_argmax_draws_from_the_softmax() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    drawn = (probabilities.log() + gumbel(image_keys(0, 0, 20_000), 0, (4,))).argmax(1)
    assert stats.chisquare(drawn.bincount(minlength=4).numpy(), 20_000 * probabilities.numpy()).pvalue > 0.01


def test_changing_one_bit_of_a_key_changes_half_of_the_noise() -> None:
    keys = torch.tensor([0] + [1 << bit for bit in range(63)])
    bits = (normal(keys, 0, (512,)) > 0).float()
    changed = (bits[1:] != bits[0]).float().mean()
    assert float(changed) == pytest.approx(0.5, abs=3.5 * 0.5 / math.sqrt(63 * 512))
