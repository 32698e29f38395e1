"""The PixelCNN in the training loop, its state, and its place in the registry."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from genbench_pixelcnn import genbench_register
from genbench_pixelcnn.model import PixelCNN
from genbench_pixelcnn.options import PixelCNNOptions
from lightning_fabric import Fabric

from genbench import DataSpec, DrawSpec, Registry, SampleRequest, TrainingView
from genbench.autoregressive.samplers import Raster
from genbench.drawing.seeds import image_keys
from genbench.training.loop import TrainingSettings, train


def striped(spec: DataSpec, count: int) -> TrainingView:
    """Images whose class is the level of their even rows; the others are dark."""
    labels = torch.arange(count) % 2
    images = torch.zeros(count, *spec.shape, dtype=torch.uint8)
    images[:, :, ::2] = (255 * labels).to(torch.uint8)[:, None, None, None]
    return TrainingView(images, {"label": labels} if spec.conditions else {})


@pytest.mark.parametrize(("channels", "conditions"), [(1, ()), (3, ("label",))])
def test_training_learns_what_there_is_to_learn(channels: int, conditions: tuple[str, ...]) -> None:
    spec = DataSpec(channels, height=4, width=4, levels=4, classes=("dark", "bright"), conditions=conditions)
    torch.manual_seed(0)
    model = PixelCNN(
        PixelCNNOptions(width=8, layers=1, steps=60, batch_size=16, learning_rate=0.03, warmup_steps=5, ema=0.8),
        spec,
        None,
    )
    view = striped(spec, 64)
    log = train(model, view, TrainingSettings(seed=0), Fabric(accelerator="cpu", devices=1))
    losses = [point["bits_per_dim"] for point in log.curves]
    assert losses[0] > 1.5
    assert losses[-1] < 0.3
    if conditions:
        runner = model.prepare(DrawSpec(Raster(), 8, torch.device("cpu")))
        drawn = runner.run(SampleRequest(image_keys(0, 0, 8), {"label": torch.arange(8) % 2}))
        assert torch.equal(drawn[:, 0, 0, 0] > 0, torch.arange(8) % 2 == 1)


def test_dropout_acts_in_training_only() -> None:
    spec = DataSpec(channels=1, height=3, width=3, levels=3)
    network = PixelCNN(PixelCNNOptions(width=8, layers=2, dropout=0.5), spec, None).network
    canvas = torch.ones(1, 1, 3, 3, dtype=torch.int64)
    assert not torch.equal(network(canvas), network(canvas))
    network.eval()
    assert torch.equal(network(canvas), network(canvas))


def test_state_goes_to_another_model_and_back() -> None:
    spec = DataSpec(channels=3, height=3, width=3, levels=4, classes=("a", "b"), conditions=("label",))
    options = PixelCNNOptions(width=4, layers=2)
    one, other = PixelCNN(options, spec, None), PixelCNN(options, spec, None)
    images = torch.randint(256, (5, *spec.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(one.log_prob(images).nats, other.log_prob(images).nats)
    other.load_state(one.state())
    assert torch.equal(one.log_prob(images).nats, other.log_prob(images).nats)
    assert {value.data_ptr() for value in one.state().values()}.isdisjoint(
        p.data_ptr() for p in one.network.parameters()
    )


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
