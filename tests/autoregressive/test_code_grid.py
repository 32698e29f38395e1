"""A prior over a grid of codes, in an order of its own, decoded by a codebook; and grids of which a part is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor, nn

from genbench.autoregressive.drawing import SequenceRunner
from genbench.autoregressive.predictors import CategoricalPredictor
from genbench.autoregressive.samplers import Raster
from genbench.autoregressive.sequences import Known, Sequence
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import Column
from genbench.interfaces.drawing import DrawSpec, SampleRequest

HEIGHT, WIDTH, CODES = 3, 4, 3
SNAKE = Sequence(
    (HEIGHT, WIDTH),
    tuple((i, j if i % 2 == 0 else WIDTH - 1 - j) for i in range(HEIGHT) for j in range(WIDTH)),
    chunk=5,
)
ORDER = torch.tensor([place[0] * WIDTH + place[1] for place in SNAKE.places])  # type: ignore[operator]
INITIAL = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
TRANSITION = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.5, 0.1]], dtype=torch.float64)


class Markov(CategoricalPredictor):
    """The next code depends on the one before it along the snake."""

    def __init__(self) -> None:
        super().__init__(SNAKE, CODES)

    def begin(self, conditions: Mapping[str, Column]) -> None:
        pass

    def logits(self, values: Tensor, position: int) -> Tensor:
        if position == 0:
            return INITIAL.log().expand(len(values), -1)
        return TRANSITION[values[:, *SNAKE.places[position - 1]]].log()


class Codebook(nn.Module):
    """Codes [B, H, W] to images [B, 2, H, W] of one vector for each code."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.tensor([[-1.0, 0.0], [0.0, 0.5], [1.0, -0.5]]))

    def forward(self, codes: Tensor) -> Tensor:
        return self.vectors[codes].movedim(-1, 1)


def known_of(conditions: Mapping[str, Column]) -> Known | None:
    """The conditions "codes" and "mask", where a request carries them."""
    codes, mask = conditions.get("codes"), conditions.get("mask")
    return Known(codes, mask) if isinstance(codes, Tensor) and isinstance(mask, Tensor) else None


def draw(count: int, conditions: Mapping[str, Column] | None = None, seed: int = 0) -> Tensor:
    """Codes in the order of the snake, int64 [count, H * W]."""
    spec = DrawSpec(Raster(), count, torch.device("cpu"), torch.float64)
    runner = SequenceRunner("prior", Markov(), spec, lambda codes: codes, known=known_of)
    return runner.run(SampleRequest(image_keys(seed, 0, count), conditions or {})).flatten(1)[:, ORDER]


def in_grid(along: Tensor) -> Tensor:
    """Values in the order of the snake [B, H * W] at their places [B, H, W]."""
    return torch.zeros_like(along).index_copy_(1, ORDER, along).view(-1, HEIGHT, WIDTH)


def test_codes_follow_the_chain_along_the_order() -> None:
    codes, count = draw(2000), 2000
    for position in (1, 4, 5, 11):  # inside a row, across a turn, in the next chunk, at the end
        pairs = (codes[:, position - 1] * CODES + codes[:, position]).numpy()
        at_first = INITIAL @ torch.linalg.matrix_power(TRANSITION, position - 1)
        expected = (at_first[:, None] * TRANSITION).flatten().numpy() * count
        assert chisquare(np.bincount(pairs, minlength=CODES**2), expected).pvalue > 1e-3


def test_images_are_the_codebooks_vectors() -> None:
    spec = DrawSpec(Raster(), 6, torch.device("cpu"))
    codebook = Codebook()
    runner = SequenceRunner("prior", Markov(), spec, codebook, {"codebook": codebook})
    images = runner.run(SampleRequest(image_keys(0, 0, 6)))
    assert torch.equal(images, codebook(in_grid(draw(6))))
    assert list(runner.networks) == ["prior", "codebook"]


@pytest.mark.parametrize("length", [0, 1, 5, 7, 12])
def test_completing_a_prefix_that_would_have_been_drawn_changes_nothing(length: int) -> None:
    whole = draw(50)
    mask = in_grid((torch.arange(12) < length).expand(50, -1))
    assert torch.equal(draw(50, {"codes": in_grid(whole), "mask": mask}), whole)


def test_each_image_keeps_its_own_known_values_wherever_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(CODES, (40, 12), generator=generator)
    mask = torch.rand(40, 12, generator=generator) < 0.3
    whole, drawn = draw(40), draw(40, {"codes": in_grid(codes), "mask": in_grid(mask)})
    assert torch.equal(drawn[mask], codes[mask])
    first = torch.where(mask.any(dim=1), mask.int().argmax(dim=1), 12)
    before = torch.arange(12) < first[:, None]
    assert torch.equal(drawn[before], whole[before])  # what comes earlier does not see them
    assert not torch.equal(drawn[~mask], whole[~mask])


def test_what_follows_a_known_value_is_drawn_given_it() -> None:
    count = 2000
    mask = in_grid((torch.arange(12) == 4).expand(count, -1))
    drawn = draw(count, {"codes": in_grid(torch.ones(count, 12, dtype=torch.int64)), "mask": mask})
    for steps in (1, 2):
        expected = torch.linalg.matrix_power(TRANSITION, steps)[1].numpy() * count
        observed = np.bincount(drawn[:, 4 + steps].numpy(), minlength=CODES)
        assert chisquare(observed, expected).pvalue > 1e-3
