"""Drawing a sequence: the right distribution, the right order, from the keys alone; known values kept and used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor, nn

from genbench.autoregressive.drawing import SequenceRunner
from genbench.autoregressive.levels import from_levels, to_levels
from genbench.autoregressive.predictors import CategoricalPredictor, FullPredictor, label_of
from genbench.autoregressive.samplers import Raster
from genbench.autoregressive.sequences import Sequence, pixels, raster
from genbench.drawing.noise import gumbel
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import Column
from genbench.interfaces.drawing import DrawSpec, SampleRequest

LOGITS = torch.tensor([0.3, -1.0, 1.2, 0.0, -0.4])
CPU = torch.device("cpu")


class Fixed(CategoricalPredictor):
    """The same logits for every value; notes what it was asked."""

    def __init__(self, sequence: Sequence) -> None:
        super().__init__(sequence, len(LOGITS))
        self.asked: list[int] = []

    def begin(self, conditions: Mapping[str, Column]) -> None:
        self.asked.clear()

    def logits(self, values: Tensor, position: int) -> Tensor:
        self.asked.append(position)
        shape = (len(values), -1, *self.sequence.event)
        return LOGITS.view(1, -1, *[1] * len(self.sequence.event)).expand(shape)


def draw(sequence: Sequence, count: int, temperature: float = 1.0, start: int = 0) -> Tensor:
    """int64 [count, *shape] as the runner drew them."""
    spec = DrawSpec(Raster(temperature), count, CPU)
    runner = SequenceRunner("fixed", Fixed(sequence), spec, decode=lambda values: values)
    return runner.run(SampleRequest(image_keys(1, start, count)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("together", [False, True])
def test_frequencies_are_the_softmax_at_the_temperature(temperature: float, together: bool) -> None:
    drawn = draw(pixels(2, 2, 3, together), 2000, temperature)
    expected = (LOGITS.double() / temperature).softmax(0).numpy()
    for values in (drawn.flatten(), drawn[:, 1, 1, 2]):
        observed = np.bincount(values.numpy(), minlength=5)
        assert chisquare(observed, expected / expected.sum() * len(values)).pvalue > 1e-3


@pytest.mark.parametrize("together", [False, True])
def test_values_are_independent_of_each_other(together: bool) -> None:
    values = draw(pixels(2, 2, 3, together), 2000).flatten(1).double()
    off_diagonal = torch.corrcoef(values.T) - torch.eye(values.shape[1], dtype=torch.float64)
    assert off_diagonal.abs().max() < 5 / 2000**0.5


def test_positions_are_asked_for_in_order() -> None:
    predictor = Fixed(raster(3, 4))
    SequenceRunner("fixed", predictor, DrawSpec(Raster(), 1, CPU), lambda values: values).run(
        SampleRequest(image_keys(0, 0, 1))
    )
    assert predictor.asked == list(range(12))


def test_noise_is_keyed_and_numbered_by_chunk() -> None:
    keys = image_keys(1, 0, 5)
    sequence = Sequence((4,), ((2,), (0,), (3,), (1,)), chunk=3)
    noise = torch.cat([gumbel(keys, 0, (3, 5)), gumbel(keys, 1, (1, 5))], dim=1)
    expected = (LOGITS + noise).argmax(2)
    assert torch.equal(draw(sequence, 5)[:, [2, 0, 3, 1]], expected)


def test_samples_do_not_depend_on_the_batch() -> None:
    together = draw(raster(6), 12)
    assert torch.equal(draw(raster(6), 5, start=4), together[4:9])


def test_the_decoder_gets_the_values_and_its_networks_are_named() -> None:
    decoder = nn.Identity()
    decode = partial(from_levels, levels=5, dtype=torch.float64)
    spec = DrawSpec(Raster(), 3, CPU, torch.float64)
    predictor = Fixed(pixels(1, 2, 2))
    runner = SequenceRunner("fixed", predictor, spec, decode, {"decoder": decoder})
    images = runner.run(SampleRequest(image_keys(1, 0, 3)))
    assert images.dtype == torch.float64
    assert torch.equal(from_levels(to_levels(images, 5), 5, torch.float64), images)
    assert list(runner.networks.items()) == [("fixed", predictor), ("decoder", decoder)]


class Network(nn.Module):
    """Logits [B, 5, 2, 2, 3] that count upwards, plus the label."""

    def forward(self, values: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return torch.arange(5 * 2 * 2 * 3.0).view(1, 5, 2, 2, 3) + label[:, None, None, None, None]


def test_full_predictor_picks_the_position_asked_for() -> None:
    sequence = pixels(2, 2, 3)
    predictor = FullPredictor(Network(), sequence, 5)
    predictor.begin({"label": torch.tensor([0, 100])})
    position = sequence.places.index((1, 1, 2))
    logits = predictor.logits(torch.zeros(2, 2, 2, 3, dtype=torch.int64), position)
    expected = [12 * level + 6 + 3 + 2 for level in range(5)]
    assert logits.tolist() == [expected, [100 + value for value in expected]]


def test_another_batch_size_is_refused() -> None:
    runner = SequenceRunner("fixed", Fixed(raster(2)), DrawSpec(Raster(), 4, CPU), lambda values: values)
    with pytest.raises(ValueError, match="prepared for batches of 4 images, asked for 3"):
        runner.run(SampleRequest(image_keys(0, 0, 3)))


def test_labels_must_be_a_tensor() -> None:
    assert label_of({}) is None
    with pytest.raises(TypeError, match="class indices"):
        label_of({"label": ["one", "two"]})
