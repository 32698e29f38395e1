"""The GAN as a genbench Generator: training, state, drawing, truncation, refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from genbench_gan import genbench_register
from genbench_gan.model import GAN, STAGE, AdversarialStage, hinge, truncated
from genbench_gan.options import GANOptions
from scipy import stats
from torch import Tensor, nn

from genbench import (
    ArrayImages,
    Batch,
    Budget,
    Column,
    ConditionKind,
    ConditionSpec,
    DataSpec,
    DrawSpec,
    Registrar,
    SampleRequest,
    StageState,
)
from genbench.autoregressive.samplers import Raster
from genbench.drawing.noise import normal
from genbench.drawing.one_shot import OneShot
from genbench.drawing.seeds import image_keys
from genbench.interfaces.tasks import Examples
from genbench.training.loop import TrainingSettings, train_stage
from genbench.training.progress import TrainingLog
from genbench.training.stages import construct, learnt
from genbench.training.view import SplitView

GREY = DataSpec(1, 8, 8, classes=("dark", "bright"))
LABELLED = replace(GREY, conditions=(ConditionSpec("label", ConditionKind.LABEL),))
CPU = torch.device("cpu")


class Labelling:
    """Shows the labels of the data set."""

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        return {"label": batch.columns["label"]}


def small(**options: object) -> GANOptions:
    return GANOptions(**{"latent_size": 8, "generator_channels": 8, "discriminator_channels": 8, **options})  # type: ignore[arg-type]


def train(
    options: GANOptions, spec: DataSpec = GREY, precision: str = "32-true"
) -> tuple[AdversarialStage, TrainingLog]:
    """Trained on images whose upper half is dark or bright, by class."""
    labels = torch.arange(64) % 2
    pixels = torch.zeros(64, *spec.shape, dtype=torch.uint8)
    pixels[:, :, : spec.height // 2] = (255 * labels).to(torch.uint8)[:, None, None, None]
    view = SplitView(ArrayImages("halves", pixels, {"label": labels}), spec, CPU, Labelling())  # type: ignore[arg-type]
    (plan,) = GAN.plan(options, spec)
    stage = construct(plan, options, spec, None, {}, 0)
    assert isinstance(stage, AdversarialStage)
    return stage, train_stage(stage, plan.name, stage.spec(options), view, TrainingSettings(0, precision))


def generator(options: GANOptions, spec: DataSpec, state: StageState) -> GAN:
    gan = GAN(options, spec)
    gan.load_state({STAGE: state})
    return gan


def trained(spec: DataSpec = GREY, *, steps: int = 4, **options: object) -> GAN:
    config = small(budget=f"steps:{steps}", batch_size=16, **options)
    stage, _ = train(config, spec)
    return generator(config, spec, learnt(stage))


@torch.no_grad()
def draw(gan: GAN, keys: Tensor, dtype: torch.dtype = torch.float32, truncation: float = 0.0) -> Tensor:
    runner = gan.prepare(DrawSpec(OneShot(truncation), len(keys), torch.device("cpu"), dtype))
    labels = {"label": torch.arange(len(keys)) % 2} if gan.network.labels else {}
    images: Tensor = runner.run(SampleRequest(keys, labels))
    return images


def test_hinge_loss_by_hand() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, 0.0, 0.5])
    assert float(hinge(real, fake)) == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 1.5) / 3)


@pytest.mark.parametrize("options", [{}, {"discriminator_steps": 2, "augment": True}])
def test_only_the_generator_is_averaged_and_only_it_is_kept(options: dict[str, object]) -> None:
    vectors = []
    for ema in (0.0, 0.5):
        config = small(batch_size=8, budget="steps:4", ema=ema, **options)
        stage, log = train(config)
        assert log.images == 4 * 8 * config.discriminator_steps
        assert set(stage.state()) == {"generator"}
        vectors.append({name: nn.utils.parameters_to_vector(m.parameters()) for name, m in stage.modules().items()})
    assert torch.equal(vectors[0]["discriminator"], vectors[1]["discriminator"])
    assert not torch.equal(vectors[0]["generator"], vectors[1]["generator"])


def test_budgets_are_those_of_the_options() -> None:
    spec = AdversarialStage.spec(small(budget="images:9000", batch_size=30, discriminator_steps=3))
    assert (spec.budget, spec.batch_size, spec.budget.steps(spec.batch_size)) == (Budget("images", 9000), 90, 100)
    with pytest.raises(ValueError, match="steps:N or images:N"):
        GANOptions(budget="100")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_both_networks_learn_in_either_precision(precision: str) -> None:
    config = small(batch_size=16, budget="steps:2", ema=0.0)
    (plan,) = GAN.plan(config, GREY)
    before = construct(plan, config, GREY, None, {}, 0).modules()
    stage, _ = train(config, GREY, precision)
    for name, module in stage.modules().items():
        for (key, now), then in zip(module.named_parameters(), before[name].parameters(), strict=True):
            if now.ndim > 1:  # the score's bias has no gradient while hinges are open on both sides
                assert not torch.equal(now, then), f"{name}.{key} did not move"


def test_each_update_moves_one_network() -> None:
    stage = AdversarialStage(small(), GREY, None, {})
    gradients: dict[str, set[str]] = {}

    def update(loss: Tensor, optimizer: str) -> Tensor:
        gradients[optimizer] = set()
        for name, module in stage.modules().items():
            parameters = [p for p in module.parameters() if p.requires_grad]
            if parameters and any(
                g is not None for g in torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            ):
                gradients[optimizer].add(name)
        return torch.zeros(())

    losses = stage.step(Batch(torch.rand(8, 1, 8, 8), torch.arange(8), {}, 0, 0.0), update)
    assert gradients == {"discriminator": {"discriminator"}, "generator": {"generator"}}
    assert set(losses) == {"discriminator", "generator"}
    assert all(p.requires_grad for p in stage.discriminator.parameters())


def test_class_conditional_training_learns_the_classes() -> None:
    gan = trained(LABELLED, steps=60, ema=0.8)
    images = draw(gan, image_keys(0, 0, 40))
    upper = images[:, :, :4].mean((1, 2, 3))
    assert float(upper[1::2].mean() - upper[0::2].mean()) > 0.5


def test_state_goes_to_another_gan() -> None:
    config, keys = small(batch_size=16, budget="steps:4"), image_keys(0, 0, 5)
    stage, _ = train(config)
    one, untrained = generator(config, GREY, learnt(stage)), GAN(config, GREY)
    assert torch.equal(draw(one, keys), draw(generator(config, GREY, learnt(stage)), keys))
    assert not torch.equal(draw(one, keys), draw(untrained, keys))


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
    def reason(spec: DataSpec = GREY, sampler: object = OneShot()) -> str | None:
        return GAN.unsupported(GANOptions(), spec, DrawSpec(sampler, 1, CPU), None)  # type: ignore[arg-type]

    class Foreign:
        """Of the family, and of no class that the GAN knows."""

        family, truncation = "one_shot", 0.5

    assert reason() is None
    assert reason(LABELLED, OneShot(0.5)) is None
    assert reason(sampler=Foreign()) is None
    assert GAN(small(), GREY).prepare(DrawSpec(Foreign(), 1, CPU)).truncation == 0.5  # type: ignore[attr-defined]
    assert "sampler=one_shot" in str(reason(sampler=Raster()))
    mask = ConditionSpec("mask", ConditionKind.MASK, (1, 8, 8), "bool")
    assert "'mask'; use task=unconditional" in str(reason(replace(GREY, conditions=(mask,))))
    assert "at least 2x2" in str(reason(DataSpec(1, 1, 8)))


def test_the_top_module_imports_no_torch() -> None:
    code = "import sys, genbench_gan; sys.exit('torch' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_registration_names_the_model_and_its_sampler() -> None:
    registrar = Registrar("gan")
    genbench_register(registrar)
    entry = registrar.registered["model", "gan"]
    assert entry.load() is GAN
    assert entry.defaults == {"sampler": "one_shot"}
    assert entry.options() == GANOptions()
    assert registrar.packages == ["genbench_gan.conf"]
