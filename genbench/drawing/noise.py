"""Keyed noise: normal, uniform and Gumbel values that depend on (key, draw, element) and on nothing else.

A counter-based generator (after Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): there is no state,
so image i is drawn from the same noise whatever the batch size, the number of devices, or where a run was resumed. Only
64-bit wrapping integers, correctly rounded conversions and powers of two are used for `normal` and `uniform`, so their
values are the same bits on every device, eager or compiled. `gumbel` takes two logarithms, whose last bit a device may
round its own way.

The kinds are separate streams: draw 0 of `normal` and draw 0 of `uniform` are independent.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from genbench.drawing.seeds import GOLDEN, mix

NORMAL, UNIFORM, GUMBEL = 1, 2, 3  # the kind of noise is part of its stream

TABLE = "normal_table.npy"
"""T[i] = round(-2^28 ndtri(v_i / 2^32)), int32, at v_i = 2^(i // 1024 - 1) (1 + (i mod 1024) / 1024), the float32
numbers whose lowest 13 mantissa bits are clear: half of the normal quantile function, 1024 points an octave."""


def normal(keys: Tensor, draw: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal noise [B, *shape] for int64 keys [B], of magnitude at most 6.35.

    An inverse CDF by linear interpolation in a table of integers, within 2e-7 of exact before rounding to `dtype`.
    float32 values are the float64 ones rounded.
    """
    count = math.prod(shape)
    words = _bits(keys, NORMAL, draw, (count + 1) // 2).view(torch.int32)[:, :count]
    sign = words >> 31
    # The tail probability is (k + 1/2) / 2^32 with k the lower 31 bits; as a float32, its exponent and leading mantissa
    # bits are the place in the table, and the other 13 bits say how far it is to the next one.
    position = words.bitwise_and(0x7FFFFFFF).to(torch.float32).add_(0.5).view(torch.int32).sub_(_HALF_BITS)
    values, slopes = _table(keys.device)
    cell = position >> 13
    magnitude = slopes[cell].mul_(position.bitwise_and_(0x1FFF)).bitwise_right_shift_(13).add_(values[cell])
    signed = magnitude.bitwise_xor_(sign).sub_(sign)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return signed.to(wide).mul_(2.0**-28).to(dtype).view(len(keys), *shape)


def uniform(keys: Tensor, draw: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform noise [B, *shape] in the open interval (0, 1) for int64 keys [B].

    float32 values are odd multiples of 2^-24, float64 ones of 2^-53, from the same bits: the two differ by less than
    2^-24. Raises TypeError for narrower types, in which the values nearest to 1 would become 1.
    """
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"uniform noise in the open interval (0, 1) needs float32 or float64, not {dtype}")
    return _open_interval(_bits(keys, UNIFORM, draw, math.prod(shape)), dtype).view(len(keys), *shape)


def gumbel(keys: Tensor, draw: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard Gumbel noise -log(-log(u)) [B, *shape] for int64 keys [B], computed in float64 and rounded to `dtype`.

    The argmax of logits plus this noise is a draw from their softmax (Gumbel, 1954; Maddison et al., 2014).
    """
    u = _open_interval(_bits(keys, GUMBEL, draw, math.prod(shape)), torch.float64)
    return u.log_().neg_().log_().neg_().to(dtype).view(len(keys), *shape)


_HALF_BITS = 0x3F000000  # 0.5 as a float32
_MULTIPLIERS = -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # splitmix64's 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, signed


def _bits(keys: Tensor, kind: int, draw: int, count: int) -> Tensor:
    """int64 [B, count] of 64 hashed bits each.

    splitmix64 over a counter, with a second key mixed in between its two multiplications: with the one key alone, some
    two of 5e7 streams would overlap with probability 0.4.
    """
    root = _finalise(keys + _signed(GOLDEN))
    start, twist = _finalise(torch.stack([root + mix(kind, draw, part) for part in (0, 1)])).unsqueeze(-1)
    counter = torch.arange(count, dtype=torch.int64, device=keys.device).mul_(_signed(GOLDEN))
    return _finalise(start + counter, twist)


def _finalise(z: Tensor, twist: Tensor | None = None) -> Tensor:
    """`genbench.drawing.seeds.finalise` on int64 bit patterns, in place."""
    z = z.bitwise_xor_(_shifted(z, 30)).mul_(_MULTIPLIERS[0])
    if twist is not None:
        z = z.bitwise_xor_(twist)
    z = z.bitwise_xor_(_shifted(z, 27)).mul_(_MULTIPLIERS[1])
    return z.bitwise_xor_(_shifted(z, 31))


def _shifted(z: Tensor, places: int) -> Tensor:
    """The logical right shift, which torch does not have for signed integers."""
    return (z >> places).bitwise_and_((1 << (64 - places)) - 1)


def _signed(z: int) -> int:
    """A 64-bit pattern as the int64 it is."""
    return z - (1 << 64) if z >> 63 else z


def _open_interval(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """The leading n bits k of each int64 as (2 k + 1) / 2^(n + 1), exact in `dtype`."""
    n = 52 if dtype == torch.float64 else 23
    return _shifted(bits, 64 - n).mul_(2).add_(1).to(dtype).mul_(2.0 ** -(n + 1))


@cache
def _table(device: torch.device) -> tuple[Tensor, Tensor]:
    """The quantile table and its forward differences, int32 on the device."""
    with files(__package__).joinpath(TABLE).open("rb") as file:
        values = np.load(file, allow_pickle=False)
    return torch.from_numpy(values).to(device), torch.from_numpy(np.diff(values, append=values[-1])).to(device)
