"""The PixelCNN's stage and plan, its state, and its place in the registry."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from genbench_pixelcnn import genbench_register
from genbench_pixelcnn.model import Likelihood, PixelCNN
from genbench_pixelcnn.options import PixelCNNOptions
from torch import Tensor

from genbench import (
    Batch,
    Budget,
    ConditionKind,
    ConditionSpec,
    DataSpec,
    DrawSpec,
    LearningRate,
    Registry,
    SampleRequest,
)
from genbench.autoregressive.samplers import Raster
from genbench.drawing.seeds import image_keys
from genbench.images import to_unit_range

LABEL = ConditionSpec("label", ConditionKind.LABEL)


def striped(spec: DataSpec, count: int) -> tuple[Tensor, Tensor]:
    """Images whose class is the level of their even rows, the others being dark; and the classes."""
    labels = torch.arange(count) % 2
    images = torch.zeros(count, *spec.shape, dtype=torch.uint8)
    images[:, :, ::2] = (255 * labels).to(torch.uint8)[:, None, None, None]
    return images, labels


def fit(stage: Likelihood, spec: DataSpec, steps: int) -> list[float]:
    """Bits per dimension at each step of plain training, without the loop's averaging and learning rates."""
    images, labels = striped(spec, 64)
    optimizers = stage.optimizers()

    def update(loss: Tensor, optimizer: str) -> Tensor:
        optimizers[optimizer].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizers[optimizer].step()
        return loss.new_zeros(())

    bits = []
    for step in range(steps):
        indices = torch.randint(64, (16,))
        conditions = {"label": labels[indices]} if spec.conditions else {}
        batch = Batch(to_unit_range(images[indices]), indices, conditions, step, step / steps)
        bits.append(float(stage.step(batch, update)["bits_per_dim"]))
    return bits


@pytest.mark.parametrize(("channels", "conditions"), [(1, ()), (3, (LABEL,))])
def test_training_learns_what_there_is_to_learn(channels: int, conditions: tuple[ConditionSpec, ...]) -> None:
    spec = DataSpec(channels, height=4, width=4, levels=4, classes=("dark", "bright"), conditions=conditions)
    torch.manual_seed(0)
    options = PixelCNNOptions(width=8, layers=1, learning_rate=0.02)
    stage = Likelihood(options, spec, None, {})
    bits = fit(stage, spec, steps=60)
    assert bits[0] > 1.5
    assert bits[-1] < 0.3
    if conditions:
        model = PixelCNN(options, spec, None)
        model.load_state({"pixelcnn": stage.state()})
        runner = model.prepare(DrawSpec(Raster(), 8, torch.device("cpu")))
        drawn = runner.run(SampleRequest(image_keys(0, 0, 8), {"label": torch.arange(8) % 2}))
        assert torch.equal(drawn[:, 0, 0, 0] > 0, torch.arange(8) % 2 == 1)


def test_the_loss_is_the_likelihood_of_the_batch() -> None:
    spec = DataSpec(channels=3, height=4, width=4, levels=4)
    stage, model = Likelihood(PixelCNNOptions(dropout=0.0), spec, None, {}), PixelCNN(PixelCNNOptions(), spec, None)
    model.load_state({"pixelcnn": stage.state()})
    images = torch.randint(256, (8, *spec.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batch = Batch(to_unit_range(images), torch.arange(8), {}, 0, 0.0)
    losses: list[Tensor] = []

    def update(loss: Tensor, optimizer: str) -> Tensor:
        losses.append(loss)
        return loss.detach()

    bits = stage.step(batch, update)["bits_per_dim"]
    nats = -model.log_prob(images).nats.mean() / (3 * 4 * 4)
    assert losses[0].requires_grad
    assert not bits.requires_grad
    assert float(losses[0].detach()) == pytest.approx(float(nats), rel=1e-5)
    assert float(bits) == pytest.approx(float(nats) / 0.6931471805599453, rel=1e-5)


def test_the_plan_is_one_stage_of_the_whole_config() -> None:
    options = PixelCNNOptions(budget="images:4800", batch_size=24, ema=0.9, warmup_steps=7)
    (plan,) = PixelCNN.plan(options, DataSpec(1, 4, 4))
    assert (plan.name, plan.stage, plan.options, plan.conditions, plan.after) == (
        "pixelcnn",
        Likelihood,
        None,
        None,
        (),
    )
    assert not plan.schedule
    spec = Likelihood.spec(options)
    assert (spec.budget, spec.batch_size, spec.ema, spec.warmup_steps) == (Budget("images", 4800), 24, 0.9, 7)
    assert spec.learning_rate is LearningRate.COSINE
    assert Likelihood.spec(PixelCNNOptions()).budget == Budget("steps", 1500)


def test_dropout_acts_in_training_only() -> None:
    spec = DataSpec(channels=1, height=3, width=3, levels=3)
    network = PixelCNN(PixelCNNOptions(width=8, layers=2, dropout=0.5), spec, None).network
    canvas = torch.ones(1, 1, 3, 3, dtype=torch.int64)
    assert not torch.equal(network(canvas), network(canvas))
    network.eval()
    assert torch.equal(network(canvas), network(canvas))


def test_the_stages_state_makes_the_model() -> None:
    spec = DataSpec(channels=3, height=3, width=3, levels=4, classes=("a", "b"), conditions=(LABEL,))
    options = PixelCNNOptions(width=4, layers=2)
    stage, model, other = Likelihood(options, spec, None, {}), *(PixelCNN(options, spec, None) for _ in range(2))
    images = torch.randint(256, (5, *spec.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(model.log_prob(images).nats, other.log_prob(images).nats)
    model.load_state({"pixelcnn": stage.state()})
    other.load_state({"pixelcnn": stage.state()})
    assert torch.equal(model.log_prob(images).nats, other.log_prob(images).nats)


def test_registers_itself() -> None:
    registry = Registry()
    genbench_register(registry)
    entry = registry.get("model", "pixelcnn")
    assert entry.load() is PixelCNN
    assert entry.options is PixelCNNOptions
    assert entry.defaults == {"sampler": "raster"}
    assert entry.uses == ()


def test_the_top_module_imports_no_torch() -> None:
    code = "import sys, genbench_pixelcnn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
