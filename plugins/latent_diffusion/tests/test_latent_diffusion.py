"""Latent diffusion: its stages, what it learns, and that it draws by key alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import pytest
import torch
from genbench_latent_diffusion.latents import LatentScale, encode_all
from genbench_latent_diffusion.model import LatentDiffusion
from genbench_latent_diffusion.options import DenoiserOptions, DenoisingOptions, LatentDiffusionOptions, Network
from genbench_latent_diffusion.stages import DenoiserStage
from torch import Tensor

from genbench.autoencoders.kl import Posterior
from genbench.autoencoders.options import KLOptions
from genbench.autoencoders.stages import kl_plan
from genbench.diffusion.grids import Karras, UniformTime
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.predictions import Prediction
from genbench.diffusion.samplers import DDIM, Ancestral, Heun
from genbench.diffusion.schedules import EDM, Cosine, Flow, ZeroTerminalSNR
from genbench.drawing.one_shot import OneShot
from genbench.drawing.seeds import image_keys
from genbench.images import ArrayImages
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import ConditionKind, ConditionSpec, DataSpec
from genbench.interfaces.drawing import DrawSpec, Runner, SampleRequest
from genbench.interfaces.sampling import Guidance, Sampler, Schedule
from genbench.running.tasks import ClassConditional
from genbench.training.loop import TrainingSettings, train_stage
from genbench.training.progress import TrainingLog
from genbench.training.stages import construct, learnt, resolved, restore, stage_data
from genbench.training.view import SplitView

CPU = torch.device("cpu")
LABEL = ConditionSpec("label", ConditionKind.LABEL)
PLAIN = DataSpec(1, 8, 8, levels=17, classes=("dark", "bright"))
LABELLED = replace(PLAIN, conditions=(LABEL,))


def options(network: Network = Network.mlp, budget: str = "steps:100") -> LatentDiffusionOptions:
    return LatentDiffusionOptions(
        denoiser=DenoiserOptions(network, width=32, blocks=1, budget=budget, batch_size=32, ema=0.9),
        autoencoder=KLOptions(width=8, latent_channels=2, kl_weight=1e-3, budget=budget, batch_size=32),
        sigma_data=0.5,
    )


def view(data: DataSpec, count: int = 200) -> SplitView:
    """Images of one brightness each, dark (label 0) or bright (label 1), with a little noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (count,), generator=generator)
    noise = torch.randint(-20, 20, (count, *data.shape), generator=generator)
    images = (60 + 130 * labels[:, None, None, None] + noise).to(torch.uint8)
    return SplitView(ArrayImages("made up", images, {"label": labels}), data, CPU, ClassConditional())


@dataclass
class Trained:
    model: LatentDiffusion
    state: Mapping[str, Any]
    logs: Mapping[str, TrainingLog]


def trained(config: LatentDiffusionOptions, data: DataSpec, schedule: Schedule, count: int = 200) -> Trained:
    stages: dict[str, Any] = {}
    state, logs = {}, {}
    for plan in resolved(LatentDiffusion.plan(config, data), config, data):
        stage = construct(plan, config, data, schedule, stages, seed=0)
        images = view(stage_data(plan, data), count)
        logs[plan.name] = train_stage(stage, plan.name, plan.stage.spec(plan.options), images, TrainingSettings(seed=0))
        stages[plan.name], state[plan.name] = stage, learnt(stage)
        restore(stage, state[plan.name], CPU)
    model = LatentDiffusion(config, data, schedule)
    model.load_state(state)
    return Trained(model, state, logs)


@cache
def small(labelled: bool = False) -> Trained:
    return trained(options(), LABELLED if labelled else PLAIN, EDM())


def prepare(
    model: LatentDiffusion,
    batch_size: int,
    sampler: Sampler = Heun(steps=5),  # noqa: B008
    dtype: torch.dtype = torch.float32,
    guidance: Guidance = NoGuidance(),  # noqa: B008
) -> Runner:
    return model.prepare(DrawSpec(sampler, batch_size, CPU, dtype, Karras(), guidance))


def run(runner: Runner, request: SampleRequest) -> Tensor:
    images = runner.run(request)
    assert isinstance(images, Tensor)
    return images


def labels_request(count: int, label: int) -> SampleRequest:
    return SampleRequest(image_keys(0, 0, count), {"label": torch.full((count,), label)})


# ------------------------------------------------------------------------------------------------------------- stages


def test_the_plan_is_a_shared_autoencoder_and_a_denoiser_after_it() -> None:
    config = options()
    first, second = LatentDiffusion.plan(config, LABELLED)
    assert first == kl_plan(config.autoencoder)
    assert (second.name, second.stage, second.after, second.schedule) == (
        "denoiser",
        DenoiserStage,
        ("autoencoder",),
        True,
    )
    assert second.options == DenoisingOptions(config.denoiser, sigma_data=0.5)
    assert {f.name for f in fields(config)} - {f.name for f in fields(second.options)} == {"autoencoder"}
    changed = replace(config, denoiser=DenoiserOptions(width=48), prediction=Prediction.v, sigma_data=1.0)
    assert LatentDiffusion.plan(changed, PLAIN)[0] == first
    assert LatentDiffusion.plan(changed, PLAIN)[1] != second


def test_only_the_network_is_averaged() -> None:
    spec = DenoiserStage.spec(options(budget="images:50").denoising)
    assert (spec.budget, spec.ema, spec.averaged) == (Budget("images", 50), 0.9, ("denoiser",))


def test_both_stages_learn() -> None:
    for log in small().logs.values():
        losses = [point["loss"] for point in log.curves]
        assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_what_the_stages_learnt_is_nested_and_complete() -> None:
    state = small().state
    assert {stage: sorted(modules) for stage, modules in state.items()} == {
        "autoencoder": ["autoencoder"],
        "denoiser": ["denoiser", "scale"],
    }
    other = LatentDiffusion(options(), PLAIN, EDM())
    other.load_state(state)
    request = SampleRequest(image_keys(0, 0, 4))
    images = run(prepare(small().model, 4), request)
    assert torch.equal(images, run(prepare(other, 4), request))
    assert images.shape == (4, 1, 8, 8)
    assert float(images.abs().max()) <= 1


def test_one_autoencoder_serves_denoisers_of_other_tasks() -> None:
    plain, labelled = (small(which).state["autoencoder"]["autoencoder"] for which in (False, True))
    assert all(torch.equal(plain[name], labelled[name]) for name in plain)


# ------------------------------------------------------------------------------------------------------------ latents


def test_scale_gives_every_channel_the_same_spread() -> None:
    model = small().model
    latents = encode_all(model.autoencoder, view(PLAIN, 2000))
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


def test_held_out_images_are_reconstructed() -> None:
    held_out = view(PLAIN, 20)._source
    (name, sets), *others = small().model.extra_sets(held_out).items()
    assert (name, others, len(sets)) == ("reconstructed", [], 20)
    error = (sets.read(0, 20).double() - held_out.read(0, 20).double()).square().mean()
    assert 0 < float(error) < 0.2 * float(held_out.read(0, 20).double().var())


# ------------------------------------------------------------------------------------------------------------ drawing


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-10)])
@pytest.mark.parametrize("sampler", [Heun(steps=4), Ancestral(steps=4)], ids=str)
def test_images_depend_on_their_keys_alone(sampler: Sampler, dtype: torch.dtype, tolerance: float) -> None:
    model, keys = small().model, image_keys(0, 0, 64)
    whole = run(prepare(model, 64, sampler, dtype), SampleRequest(keys))
    assert whole.dtype == dtype
    assert torch.equal(whole, run(prepare(model, 64, sampler, dtype), SampleRequest(keys)))
    for size in (1, 7):
        part = run(prepare(model, size, sampler, dtype), SampleRequest(keys[20 : 20 + size]))
        torch.testing.assert_close(part, whole[20 : 20 + size], atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("sampler", "guidance", "expected"),
    [
        (Heun(steps=5), NoGuidance(), 9),
        (DDIM(steps=5), NoGuidance(), 5),
        (DDIM(steps=5), ClassifierFree(scale=2.0), 10),
        (DDIM(steps=5), ClassifierFree(scale=1.0), 5),
    ],
    ids=str,
)
def test_evaluations_are_those_of_the_table(sampler: Sampler, guidance: Guidance, expected: int) -> None:
    runner = prepare(small(labelled=True).model, 2, sampler, guidance=guidance)
    assert next(iter(runner.networks)) == "denoiser"
    calls = dict.fromkeys(runner.networks, 0)
    for name, network in runner.networks.items():
        network.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    runner.run(labels_request(2, 0))
    assert calls == {"denoiser": expected, "decoder": 1}


def test_labels_decide_what_is_drawn() -> None:
    for guidance in (NoGuidance(), ClassifierFree(scale=1.5)):
        runner = prepare(small(labelled=True).model, 32, Heun(steps=8), guidance=guidance)
        dark, bright = (float(run(runner, labels_request(32, label)).mean()) for label in (0, 1))
        assert dark < -0.3 < 0.3 < bright


def test_guidance_moves_images() -> None:
    plainly, guided = (
        run(prepare(small(labelled=True).model, 4, guidance=guidance), labels_request(4, 1))
        for guidance in (NoGuidance(), ClassifierFree(scale=3.0))
    )
    assert not torch.allclose(plainly, guided, atol=1e-3)


@pytest.mark.parametrize(
    ("prediction", "schedule"),
    [
        *((prediction, Cosine()) for prediction in Prediction),
        (Prediction.v, Flow()),
        (Prediction.edm, ZeroTerminalSNR()),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 14, 10)])
def test_other_sizes_networks_schedules_and_predictions(
    prediction: Prediction, schedule: Schedule, shape: tuple[int, int, int]
) -> None:
    config = replace(options(Network.unet, "steps:3"), prediction=prediction, sigma_data=1.0)
    config.denoiser.width = 8
    model = trained(config, DataSpec(*shape), schedule, count=40).model
    for sampler in (DDIM(steps=3), Heun(steps=3)):
        draw = DrawSpec(sampler, 2, CPU, torch.float32, UniformTime(), NoGuidance())
        images = run(model.prepare(draw), SampleRequest(image_keys(0, 0, 2)))
        assert images.shape == (2, *shape)
        assert bool(images.isfinite().all())


# ----------------------------------------------------------------------------------------------------------- refusals


class Weak(NoGuidance):
    def reads(self, log_snr: float) -> tuple[str, ...]:
        return ("conditional", "weak")


@pytest.mark.parametrize(
    ("config", "data", "sampler", "guidance", "schedule", "reason"),
    [
        (options(), PLAIN, OneShot(), NoGuidance(), EDM(), "sampler=heun"),
        (options(), PLAIN, Heun(), ClassifierFree(), EDM(), "task=class_conditional"),
        (replace(options(), label_dropout=0.0), LABELLED, Heun(), ClassifierFree(), EDM(), "label_dropout"),
        (options(), LABELLED, Heun(), Weak(), EDM(), "weak"),
        (options(), replace(LABELLED, classes=()), Heun(), NoGuidance(), EDM(), "names no classes"),
        (
            options(),
            replace(PLAIN, conditions=(ConditionSpec("caption", ConditionKind.TEXT),)),
            Heun(),
            NoGuidance(),
            EDM(),
            "caption",
        ),
        (options(), replace(PLAIN, height=1), Heun(), NoGuidance(), EDM(), "downsamplings=1"),
        (replace(options(), prediction=Prediction.epsilon), PLAIN, Heun(), NoGuidance(), Flow(), "alpha = 0"),
        (options(), PLAIN, Heun(), NoGuidance(), None, "schedule=edm"),
    ],
)
def test_what_cannot_work_says_why(
    config: LatentDiffusionOptions,
    data: DataSpec,
    sampler: Sampler,
    guidance: Guidance,
    schedule: Schedule | None,
    reason: str,
) -> None:
    draw = DrawSpec(sampler, 4, CPU, grid=Karras(), guidance=guidance)
    assert reason in (LatentDiffusion.unsupported(config, data, draw, schedule) or "")


@pytest.mark.parametrize(
    ("data", "guidance"),
    [
        (PLAIN, NoGuidance()),
        (PLAIN, None),
        (PLAIN, ClassifierFree(scale=1)),
        (PLAIN, ClassifierFree(log_snr_min=100)),
        (LABELLED, ClassifierFree()),
    ],
)
def test_what_can_work_is_let_through(data: DataSpec, guidance: Guidance | None) -> None:
    draw = DrawSpec(Heun(), 4, CPU, grid=Karras(), guidance=guidance)
    assert LatentDiffusion.unsupported(options(), data, draw, Flow()) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LatentDiffusionOptions(sigma_data=0.0), "sigma_data"),
        (lambda: LatentDiffusionOptions(label_dropout=1.0), "label_dropout"),
        (lambda: DenoiserOptions(ema=1.0), r"denoiser\.ema"),
        (lambda: DenoiserOptions(blocks=-1), r"denoiser\.blocks"),
        (lambda: DenoiserOptions(width=0), r"denoiser\.width"),
        (lambda: DenoiserOptions(budget="2200 steps"), "a budget is"),
    ],
)
def test_options_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
