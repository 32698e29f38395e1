"""Drawing from the PixelCNN: cached as naive, from keys alone, with the probabilities that it states."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from genbench_pixelcnn.model import PixelCNN
from genbench_pixelcnn.options import PixelCNNOptions
from scipy.stats import chisquare
from torch import Tensor

from genbench import ConditionKind, ConditionSpec, DataSpec, DrawSpec, Sampler, SampleRequest
from genbench.autoregressive.levels import from_levels, to_levels
from genbench.autoregressive.samplers import Raster
from genbench.autoregressive.sequences import Known
from genbench.drawing.one_shot import OneShot
from genbench.drawing.seeds import image_keys
from genbench.images import to_bytes

LABEL = ConditionSpec("label", ConditionKind.LABEL)
GREY = DataSpec(channels=1, height=5, width=4, levels=17)
COLOUR = DataSpec(channels=3, height=4, width=3, levels=5)
LABELLED = DataSpec(channels=3, height=4, width=3, levels=5, classes=("a", "b", "c"), conditions=(LABEL,))
SPECS = pytest.mark.parametrize("spec", [GREY, COLOUR, LABELLED], ids=["grey", "colour", "labelled"])


def model_for(spec: DataSpec, kernel: int = 3) -> PixelCNN:
    """A PixelCNN whose weights are all far from zero."""
    torch.manual_seed(0)
    model = PixelCNN(PixelCNNOptions(width=6, layers=3, kernel=kernel), spec, None)
    for parameter in model.network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def spec_of(batch_size: int, dtype: torch.dtype = torch.float64, cached: bool = True) -> DrawSpec:
    return DrawSpec(Raster(cached=cached), batch_size, torch.device("cpu"), dtype)


def request(spec: DataSpec, start: int, count: int, seed: int = 0) -> SampleRequest:
    labels = torch.arange(start, start + count) % 3
    return SampleRequest(image_keys(seed, start, count), {"label": labels} if spec.conditions else {})


def draw(model: PixelCNN, count: int, dtype: torch.dtype = torch.float64, cached: bool = True) -> Tensor:
    return model.prepare(spec_of(count, dtype, cached)).run(request(model.data, 0, count))


@SPECS
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_cached_is_naive_in_float64(spec: DataSpec, kernel: int) -> None:
    model = model_for(spec, kernel)
    images = draw(model, 16)
    assert torch.equal(images, draw(model, 16, cached=False))
    assert len({tuple(image.flatten().tolist()) for image in images}) == 16


def test_cached_differs_from_naive_in_float32_by_near_ties_at_most() -> None:
    model = model_for(GREY)
    differs = (draw(model, 64, torch.float32) != draw(model, 64, torch.float32, cached=False)).flatten(1).any(dim=1)
    assert int(differs.sum()) <= 1


@SPECS
def test_images_do_not_depend_on_the_batch_size(spec: DataSpec) -> None:
    model = model_for(spec)
    together = draw(model, 64)
    for size, starts in ((1, (0, 1, 63)), (7, (0, 49))):
        runner = model.prepare(spec_of(size))
        for start in starts:
            assert torch.equal(runner.run(request(spec, start, size)), together[start : start + size])


def test_a_runner_remembers_nothing() -> None:
    runner = model_for(LABELLED).prepare(spec_of(8))
    first = runner.run(request(LABELLED, 0, 8))
    other = runner.run(request(LABELLED, 8, 8, seed=1))
    assert torch.equal(runner.run(request(LABELLED, 0, 8)), first)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("cached", [True, False])
def test_images_come_as_often_as_log_prob_says(cached: bool) -> None:
    spec = DataSpec(channels=2, height=1, width=2, levels=2)
    model, count = model_for(spec), 2000
    every = torch.tensor(list(itertools.product(range(2), repeat=4))).view(-1, *spec.shape)
    expected = model.log_prob(to_bytes(from_levels(every, 2))).nats.exp().numpy() * count
    drawn = to_levels(draw(model, count, cached=cached), 2).flatten(1) @ torch.tensor([8, 4, 2, 1])
    observed = np.bincount(drawn.numpy(), minlength=16)
    assert chisquare(observed, expected * count / expected.sum()).pvalue > 1e-3


def test_a_low_temperature_draws_likelier_images() -> None:
    model = model_for(GREY)
    runners = [model.prepare(DrawSpec(Raster(t), 64, torch.device("cpu"))) for t in (0.5, 1.0, 2.0)]
    nats = [float(model.log_prob(to_bytes(r.run(request(GREY, 0, 64)))).nats.mean()) for r in runners]
    assert nats[0] > nats[1] > nats[2]


@SPECS
@pytest.mark.parametrize("cached", [True, False])
def test_one_network_evaluation_for_every_value(spec: DataSpec, cached: bool) -> None:
    model = model_for(spec)
    runner = model.prepare(spec_of(2, cached=cached))
    network, *others = runner.networks.values()
    calls = []
    network.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    runner.run(request(spec, 0, 2))
    assert not others
    assert calls == [2] * math.prod(spec.shape)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == sum(parameter.numel() for parameter in model.network.parameters())


@SPECS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_are_levels_in_the_dtype_asked_for(spec: DataSpec, dtype: torch.dtype) -> None:
    images = draw(model_for(spec), 4, dtype)
    assert images.dtype == dtype
    assert images.shape == (4, *spec.shape)
    assert torch.equal(images, from_levels(to_levels(images, spec.levels), spec.levels, dtype))


@SPECS
@pytest.mark.parametrize("cached", [True, False])
def test_completing_a_prefix_that_would_have_been_drawn_changes_nothing(spec: DataSpec, cached: bool) -> None:
    model = model_for(spec)
    whole = draw(model, 8)
    for rows, pixels in ((0, 1), (2, 0), (3, 2)):
        mask = torch.zeros(8, *spec.shape, dtype=torch.bool)
        mask[:, :, :rows] = True
        mask[:, :, rows, :pixels] = True
        assert torch.equal(completed(model, Known(to_levels(whole, spec.levels), mask), cached), whole)


@SPECS
def test_known_values_are_kept_and_condition_later_ones_alike_in_caches(spec: DataSpec) -> None:
    model = model_for(spec)
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(spec.levels, (16, *spec.shape), generator=generator)
    mask = torch.rand(16, *spec.shape, generator=generator) < 0.4
    images = completed(model, Known(values, mask), cached=True)
    levels = to_levels(images, spec.levels)
    assert torch.equal(levels[mask], values[mask])
    assert not torch.equal(images[~mask], draw(model, 16)[~mask])
    assert torch.equal(images, completed(model, Known(values, mask), cached=False))


def completed(model: PixelCNN, known: Known, cached: bool) -> Tensor:
    """Images of which some values are known, in float64."""
    count = len(known.values)
    runner = model.prepare(spec_of(count, cached=cached))
    runner.known = lambda conditions: known
    return runner.run(request(model.data, 0, count))


def test_preparing_leaves_the_model_alone() -> None:
    model = model_for(GREY)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    draw(model, 2)
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.network.parameters())


def test_what_does_not_fit_is_said_before_any_work() -> None:
    def reason(spec: DataSpec, sampler: Sampler, guidance: object | None = None) -> str:
        draw = DrawSpec(sampler, 1, torch.device("cpu"), guidance=guidance)  # type: ignore[arg-type]
        return PixelCNN.unsupported(PixelCNNOptions(), spec, draw, None) or ""

    assert reason(GREY, Raster()) == reason(LABELLED, Raster()) == ""
    assert "knows no 'one_shot' sampler; use sampler=raster" in reason(GREY, OneShot())
    assert "guidance=none" in reason(GREY, Raster(), guidance=object())
    texts = replace(GREY, conditions=(ConditionSpec("caption", ConditionKind.TEXT, dtype="text"),))
    assert "cannot follow the condition 'caption'" in reason(texts, Raster())


def test_a_sampler_of_the_family_is_known_by_its_family_alone() -> None:
    class Cold:
        family, temperature, cached = "raster", 0.5, False

    draw = DrawSpec(Cold(), 4, torch.device("cpu"), torch.float64)
    assert PixelCNN.unsupported(PixelCNNOptions(), GREY, draw, None) is None
    model = model_for(GREY)
    images = model.prepare(draw).run(request(GREY, 0, 4))
    ours = model.prepare(replace(draw, sampler=Raster(0.5))).run(request(GREY, 0, 4))
    assert torch.equal(images, ours)
