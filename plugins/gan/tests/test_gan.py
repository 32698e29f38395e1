"""The GAN as a genbench Generator: training, state, drawing, truncation, refusals."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from genbench_gan import genbench_register
from genbench_gan.model import GAN, AdversarialStage, hinge, truncated
from genbench_gan.options import GANOptions
from lightning_fabric import Fabric
from scipy import stats
from torch import Tensor, nn

from genbench import Batch, DataSpec, DrawSpec, Registry, SampleRequest, TrainingView
from genbench.autoregressive.samplers import Raster
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.drawing.noise import normal
from genbench.drawing.one_shot import OneShot
from genbench.drawing.seeds import image_keys
from genbench.training.loop import TrainingSettings, train

GREY = DataSpec(1, 8, 8, classes=("dark", "bright"))
LABELLED = DataSpec(1, 8, 8, classes=("dark", "bright"), conditions=("label",))


def small(**options: object) -> GANOptions:
    return GANOptions(**{"latent_size": 8, "generator_channels": 8, "discriminator_channels": 8, **options})  # type: ignore[arg-type]


def trained(spec: DataSpec = GREY, *, steps: int = 4, **options: object) -> GAN:
    """Trained on images whose upper half is dark or bright, by class."""
    torch.manual_seed(0)
    gan = GAN(small(steps=steps, batch_size=16, **options), spec)
    labels = torch.arange(64) % 2
    images = torch.zeros(64, *spec.shape, dtype=torch.uint8)
    images[:, :, : spec.height // 2] = (255 * labels).to(torch.uint8)[:, None, None, None]
    view = TrainingView(images, {"label": labels} if spec.conditions else {})
    train(gan, view, TrainingSettings(seed=0), Fabric(accelerator="cpu", devices=1))
    return gan


@torch.no_grad()
def draw(gan: GAN, keys: Tensor, dtype: torch.dtype = torch.float32, truncation: float = 0.0) -> Tensor:
    runner = gan.prepare(DrawSpec(OneShot(truncation), len(keys), torch.device("cpu"), dtype))
    labels = {"label": torch.arange(len(keys)) % 2} if gan.classes else {}
    images: Tensor = runner.run(SampleRequest(keys, labels))
    return images


def test_hinge_loss_by_hand() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, 0.0, 0.5])
    assert float(hinge(real, fake)) == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 1.5) / 3)


@pytest.mark.parametrize("options", [{}, {"discriminator_steps": 2, "augment": True}])
def test_only_the_generator_is_averaged(options: dict[str, object]) -> None:
    networks = []
    for ema in (0.0, 0.5):
        torch.manual_seed(0)
        gan = GAN(small(batch_size=8, steps=4, ema=ema, **options), GREY)
        stage = AdversarialStage(gan)
        gan.stages = lambda view, stage=stage: [stage]  # type: ignore[misc,method-assign]
        view = TrainingView(torch.zeros(64, 1, 8, 8, dtype=torch.uint8))
        log = train(gan, view, TrainingSettings(seed=0), Fabric(accelerator="cpu", devices=1))
        assert log.images == 4 * 8 * gan.config.discriminator_steps
        networks.append({name: nn.utils.parameters_to_vector(m.parameters()) for name, m in stage.modules().items()})
    assert torch.equal(networks[0]["discriminator"], networks[1]["discriminator"])
    assert not torch.equal(networks[0]["generator"], networks[1]["generator"])


def test_each_update_moves_one_network() -> None:
    torch.manual_seed(0)
    gan = GAN(small(), GREY)
    stage = AdversarialStage(gan)
    gradients: dict[str, set[str]] = {}

    def update(loss: Tensor, optimizer: str) -> None:
        gradients[optimizer] = set()
        for name, module in stage.modules().items():
            parameters = [p for p in module.parameters() if p.requires_grad]
            if parameters and any(
                g is not None for g in torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            ):
                gradients[optimizer].add(name)

    losses = stage.step(Batch(torch.rand(8, 1, 8, 8), torch.arange(8), {}, 0, 0.0), update)
    assert gradients == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    assert set(losses) == {"discriminator", "generator"}
    assert all(p.requires_grad for p in stage.discriminator.parameters())


def test_class_conditional_training_learns_the_classes() -> None:
    gan = trained(LABELLED, steps=60, ema=0.8)
    images = draw(gan, image_keys(0, 0, 40))
    upper = images[:, :, :4].mean((1, 2, 3))
    assert float(upper[1::2].mean() - upper[0::2].mean()) > 0.5


def test_state_goes_to_another_gan_and_back() -> None:
    one, keys = trained(), image_keys(0, 0, 5)
    other = GAN(one.config, GREY)
    assert not torch.equal(draw(one, keys), draw(other, keys))
    other.load_state(one.state())
    assert torch.equal(draw(one, keys), draw(other, keys))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-10)])
@pytest.mark.parametrize("spec", [GREY, DataSpec(3, 28, 28)])
def test_images_depend_on_their_keys_only(spec: DataSpec, dtype: torch.dtype, tolerance: float) -> None:
    gan, keys = trained(spec, steps=3), image_keys(0, 0, 64)
    whole = draw(gan, keys, dtype)
    assert whole.shape == (64, *spec.shape)
    assert whole.dtype == dtype
    assert torch.equal(whole, draw(gan, keys, dtype))
    for size in (1, 7):
        assert torch.allclose(
            whole, torch.cat([draw(gan, k, dtype) for k in torch.split(keys, size)]), rtol=0, atol=tolerance
        )


def test_truncated_latents_follow_the_truncated_normal() -> None:
    latents = normal(image_keys(0, 0, 500), 0, (100,), torch.float64)
    for limit in (0.5, 1.0, 2.0):
        drawn = truncated(latents, limit)
        assert drawn.abs().max() <= limit
        assert stats.kstest(drawn.flatten().numpy(), stats.truncnorm(-limit, limit).cdf).pvalue > 0.01
        assert torch.equal(drawn.flatten().argsort(), latents.flatten().argsort())
    assert torch.allclose(truncated(latents, 8.0), latents, atol=1e-9)


def test_truncation_reduces_variety() -> None:
    gan, keys = trained(), image_keys(0, 0, 100)
    spread = [float(draw(gan, keys, truncation=limit).var(0).mean()) for limit in (0.2, 1.0, 0.0)]
    assert spread[0] < spread[1] < spread[2]


def test_refusals_say_what_would_work() -> None:
    def reason(spec: DataSpec = GREY, sampler: object = OneShot(), guidance: object = None) -> str | None:
        return GAN.unsupported(GANOptions(), spec, sampler, guidance)  # type: ignore[arg-type]

    assert reason() is None
    assert reason(LABELLED, OneShot(0.5), NoGuidance()) is None
    assert "sampler=one_shot" in str(reason(sampler=Raster()))
    assert "guidance=none" in str(reason(guidance=ClassifierFree()))
    assert "task=unconditional" in str(reason(DataSpec(1, 8, 8, conditions=("mask",))))
    with pytest.raises(TypeError, match="sampler=one_shot"):
        GAN(GANOptions(), GREY).prepare(DrawSpec(Raster(), 1, torch.device("cpu")))


def test_registration_imports_no_torch_and_loads_the_model() -> None:
    registry = Registry()
    genbench_register(registry)
    entry = registry.get("model", "gan")
    assert entry.load() is GAN
    assert entry.defaults == {"sampler": "one_shot"}
    code = "import sys, genbench_gan; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )
    assert math.isclose(entry.options().ema, GANOptions().ema)
