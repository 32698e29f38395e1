"""Latent diffusion: trains through the real loop, survives a round-trip, and draws by key alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from genbench_latent_diffusion.latents import LatentScale, encode_all
from genbench_latent_diffusion.model import LatentDiffusion
from genbench_latent_diffusion.options import AutoencoderOptions, DenoiserOptions, LatentDiffusionOptions, Network
from lightning_fabric import Fabric

from genbench.autoencoders.kl import Posterior
from genbench.diffusion.grids import Karras, UniformTime
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.predictions import Prediction
from genbench.diffusion.samplers import DDIM, Ancestral, Heun
from genbench.diffusion.schedules import EDM, Cosine
from genbench.drawing.one_shot import OneShot
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import DrawSpec, Guidance, Runner, Sampler, SampleRequest
from genbench.interfaces.training import TrainingView
from genbench.training.loop import TrainingLog, TrainingSettings, train

PLAIN = DataSpec(1, 8, 8, levels=17, classes=("dark", "bright"))
LABELLED = replace(PLAIN, conditions=("label",))


def options(network: Network = Network.mlp, steps: int = 100) -> LatentDiffusionOptions:
    return LatentDiffusionOptions(
        AutoencoderOptions(width=8, latent_channels=2, kl_weight=1e-3, steps=steps, batch_size=32),
        DenoiserOptions(network, width=32, blocks=1, steps=steps, batch_size=32, ema=0.9),
        sigma_data=0.5,
    )


def view(data: DataSpec, count: int = 200) -> TrainingView:
    """Images of one brightness each, dark (label 0) or bright (label 1), with a little noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (count,), generator=generator)
    noise = torch.randint(-20, 20, (count, *data.shape), generator=generator)
    images = (60 + 130 * labels[:, None, None, None] + noise).to(torch.uint8)
    return TrainingView(images, {"label": labels} if data.conditions else {})


def trained(data: DataSpec, config: LatentDiffusionOptions | None = None) -> tuple[LatentDiffusion, TrainingLog]:
    torch.manual_seed(0)
    model = LatentDiffusion(config or options(), data, EDM())
    log = train(model, view(data), TrainingSettings(seed=0), Fabric(accelerator="cpu", devices=1))
    return model, log


@pytest.fixture(scope="module")
def plain() -> tuple[LatentDiffusion, TrainingLog]:
    return trained(PLAIN)


@pytest.fixture(scope="module")
def labelled() -> LatentDiffusion:
    return trained(LABELLED, options())[0]


def prepare(
    model: LatentDiffusion,
    batch_size: int,
    sampler: Sampler = Heun(steps=5),  # noqa: B008
    dtype: torch.dtype = torch.float32,
    guidance: Guidance = NoGuidance(),  # noqa: B008
) -> Runner:
    runner: Runner = model.prepare(DrawSpec(sampler, batch_size, torch.device("cpu"), dtype, Karras(), guidance))
    return runner


def labels_request(count: int, label: int) -> SampleRequest:
    return SampleRequest(image_keys(0, 0, count), {"label": torch.full((count,), label)})


def test_both_stages_learn(plain: tuple[LatentDiffusion, TrainingLog]) -> None:
    for stage in ("autoencoder", "denoiser"):
        losses = [point["loss"] for point in plain[1].curves if point["stage"] == stage]
        assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_scale_gives_every_channel_the_same_spread(plain: tuple[LatentDiffusion, TrainingLog]) -> None:
    model = plain[0]
    latents = encode_all(model.autoencoder, view(PLAIN, 2000).images)
    torch.manual_seed(0)
    scaled = model.scale.standardise(latents)
    draws = scaled.sample()
    torch.testing.assert_close(draws.mean((0, 2, 3)), torch.zeros(2), atol=0.02, rtol=0)
    torch.testing.assert_close(draws.std((0, 2, 3)), torch.full((2,), 0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(model.scale.restore(scaled.mean), latents.mean, atol=1e-4, rtol=0)


def test_scale_does_not_blow_up_a_collapsed_channel() -> None:
    collapsed = Posterior(torch.full((4, 1, 2, 2), 3.0), torch.ones(4, 1, 2, 2))
    scale = LatentScale(1, sigma_data=0.5)
    scale.measure(collapsed)
    scaled = scale.standardise(collapsed)
    assert torch.equal(scaled.mean, torch.zeros(4, 1, 2, 2))
    assert torch.equal(scaled.std, torch.full((4, 1, 2, 2), 0.5))


def test_state_makes_an_identical_model(plain: tuple[LatentDiffusion, TrainingLog]) -> None:
    model = plain[0]
    other = LatentDiffusion(options(), PLAIN, EDM())
    other.load_state({name: value.clone() for name, value in model.state().items()})
    request = SampleRequest(image_keys(0, 0, 4))
    images = prepare(model, 4).run(request)
    assert torch.equal(images, prepare(other, 4).run(request))
    assert images.shape == (4, 1, 8, 8)
    assert float(images.abs().max()) <= 1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-10)])
@pytest.mark.parametrize("sampler", [Heun(steps=4), Ancestral(steps=4)])
def test_images_depend_on_their_keys_alone(
    plain: tuple[LatentDiffusion, TrainingLog], sampler: Sampler, dtype: torch.dtype, tolerance: float
) -> None:
    keys = image_keys(0, 0, 64)
    whole = prepare(plain[0], 64, sampler, dtype).run(SampleRequest(keys))
    again = prepare(plain[0], 64, sampler, dtype).run(SampleRequest(keys))
    assert whole.dtype == dtype
    assert torch.equal(whole, again)
    for size in (1, 7):
        part = prepare(plain[0], size, sampler, dtype).run(SampleRequest(keys[20 : 20 + size]))
        torch.testing.assert_close(part, whole[20 : 20 + size], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("sampler", "guidance", "expected"),
    [
        (Heun(steps=5), NoGuidance(), 9),
        (DDIM(steps=5), NoGuidance(), 5),
        (DDIM(steps=5), ClassifierFree(scale=2.0), 10),
    ],
)
def test_evaluations_are_those_of_the_table(
    labelled: LatentDiffusion, sampler: Sampler, guidance: Guidance, expected: int
) -> None:
    runner = prepare(labelled, 2, sampler, guidance=guidance)
    assert next(iter(runner.networks)) == "denoiser"
    calls = dict.fromkeys(runner.networks, 0)
    for name, network in runner.networks.items():
        network.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    runner.run(labels_request(2, 0))
    assert calls == {"denoiser": expected, "decoder": 1}


def test_labels_decide_what_is_drawn(labelled: LatentDiffusion) -> None:
    for guidance in (NoGuidance(), ClassifierFree(scale=1.5)):
        runner = prepare(labelled, 32, Heun(steps=8), guidance=guidance)
        dark, bright = (float(runner.run(labels_request(32, label)).mean()) for label in (0, 1))
        real = view(LABELLED).images.float().mul(2 / 255).sub(1)
        assert dark < -0.3 < 0.3 < bright, (dark, bright, float(real.min()), float(real.max()))


def test_guidance_moves_images(labelled: LatentDiffusion) -> None:
    plainly, guided = (
        prepare(labelled, 4, guidance=guidance).run(labels_request(4, 1))
        for guidance in (NoGuidance(), ClassifierFree(scale=3.0))
    )
    assert not torch.allclose(plainly, guided, atol=1e-3)


@pytest.mark.parametrize("prediction", list(Prediction))
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 14, 10)])
def test_other_sizes_networks_schedules_and_predictions(prediction: Prediction, shape: tuple[int, int, int]) -> None:
    data = DataSpec(*shape)
    config = replace(options(Network.unet, steps=3), prediction=prediction, sigma_data=1.0)
    config.denoiser.width = 8
    model = LatentDiffusion(config, data, Cosine())
    train(model, view(data, 40), TrainingSettings(seed=0), Fabric(accelerator="cpu", devices=1))
    draw = DrawSpec(DDIM(steps=3), 2, torch.device("cpu"), torch.float32, UniformTime(), NoGuidance())
    images = model.prepare(draw).run(SampleRequest(image_keys(0, 0, 2)))
    assert images.shape == (2, *shape)
    assert bool(images.isfinite().all())


@pytest.mark.parametrize(
    ("config", "data", "sampler", "guidance", "reason"),
    [
        (options(), PLAIN, OneShot(), NoGuidance(), "sampler=heun"),
        (options(), PLAIN, Heun(), ClassifierFree(), "task=class_conditional"),
        (replace(options(), label_dropout=0.0), LABELLED, Heun(), ClassifierFree(), "label_dropout"),
        (options(), replace(LABELLED, classes=()), Heun(), NoGuidance(), "names no classes"),
        (options(), replace(PLAIN, conditions=("caption",)), Heun(), NoGuidance(), "caption"),
        (options(), replace(PLAIN, height=1), Heun(), NoGuidance(), "downsamplings=1"),
    ],
)
def test_what_cannot_work_says_why(
    config: LatentDiffusionOptions, data: DataSpec, sampler: Sampler, guidance: Guidance, reason: str
) -> None:
    assert reason in (LatentDiffusion.unsupported(config, data, sampler, guidance) or "")


@pytest.mark.parametrize(("data", "guidance"), [(PLAIN, NoGuidance()), (PLAIN, None), (LABELLED, ClassifierFree())])
def test_what_can_work_is_let_through(data: DataSpec, guidance: Guidance | None) -> None:
    assert LatentDiffusion.unsupported(options(), data, Heun(), guidance) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma_data": 0.0}, "sigma_data"),
        ({"label_dropout": 1.0}, "label_dropout"),
        ({"autoencoder": AutoencoderOptions(steps=0)}, r"autoencoder\.steps"),
        ({"denoiser": DenoiserOptions(ema=1.0)}, r"denoiser\.ema"),
        ({"denoiser": DenoiserOptions(blocks=-1)}, "blocks"),
    ],
)
def test_options_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LatentDiffusionOptions(), **change)  # type: ignore[arg-type]
