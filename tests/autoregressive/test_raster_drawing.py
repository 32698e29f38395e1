"""Drawing in raster order: the right distribution, the right order, from the keys alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from genbench.autoregressive.drawing import FullPredictor, Predictor, RasterRunner, label_of
from genbench.autoregressive.levels import to_levels
from genbench.autoregressive.samplers import Raster
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import DrawSpec, SampleRequest

LOGITS = torch.tensor([0.3, -1.0, 1.2, 0.0, -0.4])
SPEC = DataSpec(channels=2, height=2, width=3, levels=5)
CPU = torch.device("cpu")


class Fixed(Predictor):
    """The same logits for every value; notes what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int, int]] = []

    def begin(self, conditions: Mapping[str, Tensor | Sequence[str]]) -> None:
        self.asked.clear()

    def forward(self, canvas: Tensor, row: int, column: int, channel: int) -> Tensor:
        self.asked.append((row, column, channel))
        return LOGITS.expand(len(canvas), -1)


def draw(predictor: Predictor, count: int, temperature: float = 1.0) -> Tensor:
    runner = RasterRunner("fixed", predictor, SPEC, DrawSpec(Raster(temperature), count, CPU), temperature)
    return to_levels(runner.run(SampleRequest(image_keys(1, 0, count))), SPEC.levels)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_softmax_at_the_temperature(temperature: float) -> None:
    drawn = draw(Fixed(), 2000, temperature)
    expected = (LOGITS.double() / temperature).softmax(0).numpy()
    for values in (drawn.flatten(), drawn[:, 1, 1, 2]):
        observed = np.bincount(values.numpy(), minlength=5)
        assert chisquare(observed, expected / expected.sum() * len(values)).pvalue > 1e-3


def test_values_are_independent_of_each_other() -> None:
    values = draw(Fixed(), 2000).flatten(1).double()
    off_diagonal = torch.corrcoef(values.T) - torch.eye(values.shape[1], dtype=torch.float64)
    assert off_diagonal.abs().max() < 5 / 2000**0.5


def test_raster_order() -> None:
    predictor = Fixed()
    draw(predictor, 1)
    assert predictor.asked == [(i, j, c) for i in range(2) for j in range(3) for c in range(2)]


def test_full_predictor_picks_the_value_asked_for() -> None:
    class Network(torch.nn.Module):
        def forward(self, canvas: Tensor, label: Tensor | None) -> Tensor:
            assert label is not None
            logits = torch.arange(2 * 5 * 2 * 3.0).view(1, 2, 5, 2, 3)
            return logits + label[:, None, None, None, None]

    predictor = FullPredictor(Network())
    predictor.begin({"label": torch.tensor([0, 100])})
    logits = predictor(torch.zeros(2, 2, 2, 3, dtype=torch.int64), row=1, column=2, channel=1)
    expected = [30 + 6 * level + 3 + 2 for level in range(5)]
    assert logits.tolist() == [expected, [100 + value for value in expected]]


def test_another_batch_size_is_refused() -> None:
    runner = RasterRunner("fixed", Fixed(), SPEC, DrawSpec(Raster(), 4, CPU), 1.0)
    with pytest.raises(ValueError, match="prepared for batches of 4 images, asked for 3"):
        runner.run(SampleRequest(image_keys(0, 0, 3)))


def test_labels_must_be_a_tensor() -> None:
    assert label_of({}) is None
    with pytest.raises(TypeError, match="class indices"):
        label_of({"label": ["one", "two"]})
