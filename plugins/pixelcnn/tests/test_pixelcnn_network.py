"""The PixelCNN's network: what every logit depends on, and that its likelihood is one."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from genbench_pixelcnn.model import PixelCNN
from genbench_pixelcnn.network import GatedPixelCNN
from genbench_pixelcnn.options import PixelCNNOptions
from torch import Tensor

from genbench import ConditionKind, ConditionSpec, DataSpec, HasLikelihood, to_unit_range
from genbench.autoregressive.levels import from_levels, to_levels
from genbench.images import to_bytes

GREY = DataSpec(channels=1, height=5, width=5, levels=6)
COLOUR = DataSpec(channels=3, height=3, width=4, levels=6)
LABEL = ConditionSpec("label", ConditionKind.LABEL)
LABELLED = DataSpec(channels=2, height=2, width=2, levels=2, classes=("a", "b", "c"), conditions=(LABEL,))


def model_for(spec: DataSpec, **options: int) -> PixelCNN:
    """A PixelCNN whose weights are all far from zero."""
    torch.manual_seed(0)
    model = PixelCNN(PixelCNNOptions(**{"width": 16, "layers": 4, "kernel": 3, **options}), spec, None)  # type: ignore[arg-type]
    for parameter in model.network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.network.double().eval()
    return model


def in_order(values: Tensor) -> Tensor:
    """[C, ..., H, W] with the values in the order in which they are drawn: [H * W * C, ...]."""
    return values.movedim((-2, -1), (0, 1)).flatten(0, 2)


def logits_in_order(network: GatedPixelCNN, canvas: Tensor) -> Tensor:
    """Those of one image [C, H, W], [H * W * C, levels]."""
    return in_order(network(canvas[None])[0].transpose(0, 1))


@pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
def test_every_logit_sees_all_earlier_values_and_no_other(spec: DataSpec) -> None:
    network = model_for(spec).network
    generator = torch.Generator().manual_seed(1)
    canvas = torch.randint(spec.levels, spec.shape, generator=generator)
    logits = logits_in_order(network, canvas)
    places = itertools.product(range(spec.height), range(spec.width), range(spec.channels))
    for index, (row, column, channel) in enumerate(places):
        changed = canvas.clone()
        changed[channel, row, column] = (changed[channel, row, column] + spec.levels // 2) % spec.levels
        differs = (logits_in_order(network, changed) != logits).any(dim=1)
        assert not differs[: index + 1].any()
        assert differs[index + 1 :].all()  # four layers see all of these small images: no blind spot


@pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
def test_changing_everything_later_leaves_logits_as_they_are(spec: DataSpec) -> None:
    network = model_for(spec).network
    generator = torch.Generator().manual_seed(2)
    canvas, other = torch.randint(spec.levels, (2, *spec.shape), generator=generator)
    order = in_order(torch.arange(canvas.numel()).view(spec.shape))
    logits = logits_in_order(network, canvas)
    for index in range(canvas.numel()):
        changed = canvas.flatten().clone()
        changed[order[index:]] = other.flatten()[order[index:]]
        now = logits_in_order(network, changed.view(spec.shape))
        assert torch.equal(now[: index + 1], logits[: index + 1])


@pytest.mark.parametrize(
    "spec",
    [DataSpec(channels=1, height=2, width=2, levels=3), DataSpec(channels=3, height=1, width=2, levels=2), LABELLED],
    ids=["grey", "colour", "labelled"],
)
def test_probabilities_of_all_images_sum_to_one(spec: DataSpec) -> None:
    values = math.prod(spec.shape)
    every = torch.tensor(list(itertools.product(range(spec.levels), repeat=values))).view(-1, *spec.shape)
    log_prob = model_for(spec).log_prob(to_bytes(from_levels(every, spec.levels)))
    assert log_prob.exact
    assert log_prob.levels == spec.levels
    assert log_prob.nats.dtype == torch.float64
    assert float(log_prob.nats.exp().sum()) == pytest.approx(1, abs=1e-12)


def test_log_prob_is_that_of_independent_categoricals_given_the_past() -> None:
    model = model_for(COLOUR)
    assert isinstance(model, HasLikelihood)
    images = torch.randint(256, (4, *COLOUR.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    canvas = to_levels(to_unit_range(images), COLOUR.levels)
    peers = torch.distributions.Categorical(logits=model.network(canvas).movedim(1, -1))
    peer = peers.log_prob(canvas)  # type: ignore[no-untyped-call]
    assert torch.allclose(model.log_prob(images).nats, peer.sum((1, 2, 3)), rtol=0, atol=1e-10)


def test_likelihoods_of_many_images_are_taken_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    network_calls: list[int] = []
    model = model_for(COLOUR)
    images = torch.randint(256, (300, *COLOUR.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    together = model.log_prob(images).nats
    monkeypatch.setattr("genbench_pixelcnn.model.LIKELIHOOD_LOGITS", 50 * 6 * 3 * 3 * 4)
    model.network.register_forward_pre_hook(lambda module, inputs: network_calls.append(len(inputs[0])))
    few_at_a_time = model.log_prob(images).nats
    assert network_calls == [50] * 6
    assert torch.allclose(few_at_a_time, together, rtol=1e-12)


def test_likelihood_is_float64_whatever_the_network_is() -> None:
    model = model_for(GREY)
    images = torch.randint(256, (4, *GREY.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    before = model.log_prob(images).nats
    model.network.float()
    assert torch.allclose(model.log_prob(images).nats, before, rtol=1e-5)
    assert model.network.logits.weight.dtype == torch.float32


def test_labels_matter_everywhere() -> None:
    network = model_for(LABELLED).network
    canvas = torch.zeros(3, *LABELLED.shape, dtype=torch.int64)
    logits = network(canvas, torch.arange(3))
    for a, b in itertools.combinations(range(3), 2):
        assert (logits[a] != logits[b]).any(dim=0).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("width", 0, "at least 1"),
        ("kernel", 4, "must be odd"),
        ("dropout", 1.0, r"in \[0, 1\)"),
        ("budget", "1500", "a budget is steps:N or images:N, such as steps:700, not '1500'"),
    ],
)
def test_bad_options_are_refused(name: str, value: float | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PixelCNNOptions(**{name: value})  # type: ignore[arg-type]
