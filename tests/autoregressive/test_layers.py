"""What masked convolutions see, by perturbation; their weights, against plain convolutions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genbench.autoregressive.layers import HorizontalConv2d, VerticalConv2d, gate, shift_down


def seen(layer: nn.Module, channels: int, height: int, width: int, at: tuple[int, int, int]) -> Tensor:
    """bool [channels, height, width]: the inputs that the layer's output at (channel, row, column) depends on."""
    inputs = torch.randn(1, channels, height, width, requires_grad=True)
    layer(inputs)[0][at].backward()
    assert inputs.grad is not None
    return inputs.grad[0] != 0


@pytest.mark.parametrize(("kernel", "rows"), [(1, 1), (3, 2), (5, 3)])
def test_vertical_sees_its_own_row_and_those_above(kernel: int, rows: int) -> None:
    torch.manual_seed(0)
    expected = torch.zeros(2, 6, 7, dtype=torch.bool)
    expected[:, 4 - rows + 1 : 5, 3 - kernel // 2 : 3 + kernel // 2 + 1] = True
    assert torch.equal(seen(VerticalConv2d(2, 1, kernel), 2, 6, 7, (0, 4, 3)), expected)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("group", [0, 1, 2])
def test_horizontal_sees_pixels_to_the_left_and_earlier_groups(group: int, strict: bool) -> None:
    torch.manual_seed(0)
    layer = HorizontalConv2d(6, 9, taps=3, groups=3, strict=strict)
    expected = torch.zeros(6, 2, 5, dtype=torch.bool)
    expected[:, 1, 1:3] = True
    expected[: 2 * group if strict else 2 * (group + 1), 1, 3] = True
    for channel in range(3 * group, 3 * group + 3):
        assert torch.equal(seen(layer, 6, 2, 5, (channel, 1, 3)), expected)


def test_one_group_unmasked_is_a_plain_convolution() -> None:
    torch.manual_seed(0)
    layer, features = HorizontalConv2d(4, 5, taps=2), torch.randn(2, 4, 3, 6)
    plain = F.conv2d(features, layer.weight, layer.bias, padding=(0, 1))[..., :-1]
    assert torch.allclose(layer(features), plain, atol=1e-6)


def test_gate_pairs_halves_within_groups() -> None:
    features = torch.randn(2, 12, 3, 3, generator=torch.Generator().manual_seed(0))
    for groups in (1, 2, 3):
        parts = [torch.tanh(a) * torch.sigmoid(b) for a, b in (p.chunk(2, 1) for p in features.chunk(groups, 1))]
        assert torch.allclose(gate(features, groups), torch.cat(parts, 1))


def test_shift_down() -> None:
    features = torch.arange(6.0).view(1, 1, 3, 2)
    assert shift_down(features).flatten().tolist() == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("kernel", [0, 2, -3])
def test_even_kernels_are_refused(kernel: int) -> None:
    with pytest.raises(ValueError, match="must be odd and positive"):
        VerticalConv2d(1, 1, kernel)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="cannot be divided into 3 groups"):
        HorizontalConv2d(4, 6, taps=1, groups=3)
