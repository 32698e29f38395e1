"""A mixture of discretised logistics, as PixelCNN++ has it, on the same runner: all channels of a pixel in one call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from genbench.autoregressive.drawing import SequenceRunner
from genbench.autoregressive.levels import from_levels, to_levels
from genbench.autoregressive.predictors import Predictor
from genbench.autoregressive.samplers import Raster
from genbench.autoregressive.sequences import Known, pixels
from genbench.drawing.noise import gumbel, uniform
from genbench.drawing.seeds import image_keys
from genbench.images import to_bytes
from genbench.interfaces.data import Column
from genbench.interfaces.drawing import DrawSpec, SampleRequest

LEVELS = 7
LOGITS = torch.tensor([0.4, -0.6], dtype=torch.float64)
MEANS = torch.tensor([[1.2, 2.0], [5.5, 3.0]], dtype=torch.float64)  # [component, channel], in levels
SCALES = torch.tensor([[0.5, 0.4], [0.9, 0.6]], dtype=torch.float64)
SLOPE = 0.5
"""The mean of the second channel rises by so much for each level of the first."""


class LogisticMixture(Predictor):
    """One component for a pixel, then a logistic for each channel, rounded to the nearest level; the tails go to the
    outermost ones (Salimans et al., arXiv 1701.05517, eq. 2 and section 2.2). Means shift with the pixel to the left.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__(pixels(2, height, width, together=True))

    def begin(self, conditions: Mapping[str, Column]) -> None:
        pass

    def noise(self, keys: Tensor, draw: int, count: int, dtype: torch.dtype) -> Tensor:
        choice = gumbel(keys, draw, (count, len(LOGITS)), dtype)
        return torch.cat([choice, uniform(keys, draw, (count, 2), dtype).logit()], dim=2)

    def forward(self, values: Tensor, position: int, noise: Tensor) -> Tensor:
        component = (LOGITS + noise[:, :2]).argmax(dim=1)
        column = position % values.shape[-1]
        left = values[:, 0, position // values.shape[-1], column - 1] / 2 if column else 0
        means, scales = MEANS[component], SCALES[component]
        first = _to_level(means[:, 0] + left + scales[:, 0] * noise[:, 2])
        second = _to_level(means[:, 1] + SLOPE * first + scales[:, 1] * noise[:, 3])
        return torch.stack([first, second], dim=1)


def _to_level(value: Tensor) -> Tensor:
    return value.round().clamp(0, LEVELS - 1).long()


def probabilities(mean: Tensor, scale: Tensor) -> Tensor:
    """[..., LEVELS] of a discretised logistic."""
    edges = torch.arange(LEVELS - 1) + 0.5
    below = ((edges - mean[..., None]) / scale[..., None]).sigmoid()
    return torch.diff(below, prepend=torch.zeros_like(below[..., :1]), append=torch.ones_like(below[..., :1]))


def joint(temperature: float, shift: float = 0.0) -> Tensor:
    """The closed form of the two channels of one pixel, [LEVELS, LEVELS]."""
    levels = torch.arange(LEVELS, dtype=torch.float64)
    first = probabilities(MEANS[:, 0] + shift, temperature * SCALES[:, 0])
    second = probabilities(MEANS[:, 1, None] + SLOPE * levels, (temperature * SCALES[:, 1, None]).expand(-1, LEVELS))
    return torch.einsum("k,ki,kij->ij", (LOGITS / temperature).softmax(0), first, second)


def draw(count: int, temperature: float = 1.0, known: Known | None = None, width: int = 2) -> Tensor:
    """Images [count, 2, 1, width]."""
    spec = DrawSpec(Raster(temperature), count, torch.device("cpu"), torch.float64)
    decode = partial(from_levels, levels=LEVELS, dtype=torch.float64)
    runner = SequenceRunner("mixture", LogisticMixture(1, width), spec, decode, known=lambda conditions: known)
    return runner.run(SampleRequest(image_keys(5, 0, count)))


def assert_drawn_from(levels: Tensor, expected: Tensor) -> None:
    """Chi-squared over the cells that are expected five times or more; the others are one cell."""
    observed = np.bincount((levels[:, 0] * LEVELS + levels[:, 1]).numpy(), minlength=LEVELS**2)
    counts = expected.flatten().numpy() * len(levels)
    common = counts >= 5
    merged = [np.append(x[common], x[~common].sum()) for x in (observed, counts)]
    assert chisquare(*merged).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.5])
def test_both_channels_have_the_closed_form_at_the_temperature(temperature: float) -> None:
    assert float(joint(temperature).sum()) == pytest.approx(1, abs=1e-12)
    levels = to_levels(draw(4000, temperature), LEVELS)
    assert_drawn_from(levels[:, :, 0, 0], joint(temperature))


def test_a_pixel_is_drawn_given_the_one_before() -> None:
    levels = to_levels(draw(6000), LEVELS)
    for before in (1, 5):
        given = levels[levels[:, 0, 0, 0] == before][:, :, 0, 1]
        assert len(given) > 300
        assert_drawn_from(given, joint(1.0, shift=before / 2))


def test_drawn_values_are_exact_levels() -> None:
    images = draw(200)
    assert set(to_bytes(images).flatten().tolist()) == {round(255 * k / (LEVELS - 1)) for k in range(LEVELS)}
    assert torch.equal(from_levels(to_levels(images, LEVELS), LEVELS, torch.float64), images)


def test_known_pixels_are_kept_and_condition_the_next() -> None:
    whole = to_levels(draw(300, width=3), LEVELS)
    first = torch.zeros(300, 2, 1, 3, dtype=torch.bool)
    first[..., 0] = True
    assert torch.equal(to_levels(draw(300, known=Known(whole, first), width=3), LEVELS), whole)
    fives = Known(torch.full((4000, 2, 1, 2), 5), torch.tensor([True, False]).expand(4000, 2, 1, 2))
    bright = to_levels(draw(4000, known=fives), LEVELS)
    assert bool((bright[..., 0] == 5).all())
    assert_drawn_from(bright[..., 1].flatten(1), joint(1.0, shift=2.5))


def test_one_channel_may_be_known_alone() -> None:
    mask = torch.zeros(4000, 2, 1, 1, dtype=torch.bool)
    mask[:, 1] = True
    levels = to_levels(draw(4000, known=Known(torch.full((4000, 2, 1, 1), 3), mask), width=1), LEVELS)
    assert bool((levels[:, 1] == 3).all())
    observed = np.bincount(levels[:, 0].flatten().numpy(), minlength=LEVELS)
    assert chisquare(observed, joint(1.0).sum(1).numpy() * 4000).pvalue > 1e-3
