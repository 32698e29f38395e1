"""Cached convolutions give what the convolutions give, and know nothing that was not written."""

from __future__ import annotations

import pytest
import torch

from genbench.autoregressive.caches import PixelCache, RowCache
from genbench.autoregressive.layers import HorizontalConv2d, VerticalConv2d


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_rows_equal_the_whole_convolution(kernel: int) -> None:
    torch.manual_seed(0)
    conv = VerticalConv2d(3, 4, kernel).double().requires_grad_(False)
    cache = RowCache(conv, batch_size=2, width=5)
    for _ in range(2):  # the second time, from caches in use
        features = torch.randn(2, 3, 6, 5, dtype=torch.float64)
        cache.reset()
        rows = torch.cat([cache.next(features[:, :, i : i + 1]) for i in range(6)], dim=2)
        assert torch.allclose(rows, conv(features), rtol=0, atol=1e-12)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("groups", "taps"), [(1, 1), (1, 3), (3, 1), (3, 2)])
def test_pixels_equal_the_whole_convolution(groups: int, taps: int, strict: bool) -> None:
    torch.manual_seed(0)
    conv = HorizontalConv2d(6, 12, taps, groups, strict).double().requires_grad_(False)
    features = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    expected = conv(features)
    cache = PixelCache(conv, batch_size=2, width=5)
    cache.reset()
    for row in range(4):
        for column in range(5):
            values, outputs = (x[:, :, row, column].chunk(groups, dim=1) for x in (features, expected))
            for group in range(groups):
                if not strict:
                    cache.write(column, group, values[group])
                assert torch.allclose(cache.read(column, group), outputs[group], rtol=0, atol=1e-12)
                if strict:
                    cache.write(column, group, values[group])


def test_what_was_not_written_is_nan() -> None:
    conv = HorizontalConv2d(2, 2, taps=2).requires_grad_(False)
    cache = PixelCache(conv, batch_size=1, width=3)
    cache.reset()
    cache.write(0, 0, torch.ones(1, 2))
    assert cache.read(0, 0).isfinite().all()
    assert cache.read(1, 0).isnan().all()
    cache.reset()
    assert cache.read(0, 0).isnan().all()


def test_bias_of_the_caller_replaces_the_layers_own() -> None:
    conv = HorizontalConv2d(2, 2, taps=1).requires_grad_(False)
    cache = PixelCache(conv, batch_size=1, width=1)
    cache.reset()
    cache.write(0, 0, torch.randn(1, 2))
    bias = torch.tensor([[3.0, 4.0]])
    assert torch.allclose(cache.read(0, 0, bias) - bias, cache.read(0, 0) - conv.bias, atol=1e-6)
