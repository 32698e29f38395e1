"""The samplers against diffusers' schedulers, both in float64, with one network and one stream of noise.

diffusers computes in float32 by name; here its modules see a torch and a numpy whose float32 is float64.
"""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
import torch

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.grids import Karras, UniformTime
from genbench.diffusion.predictions import Prediction, label
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearBeta, Tabulated, ZeroTerminalSNR
from genbench.drawing.noise import normal

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # theirs

KEYS = torch.tensor([11, 22, 33])
SHAPE = (2, 4, 4)
LINEAR = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
PATHS = {
    "linear_beta": (LinearBeta(), LINEAR),
    "cosine": (Cosine(), {"beta_schedule": "squaredcos_cap_v2"}),
}


class Wide:
    """A module whose float32 is float64."""

    def __init__(self, module):
        self.module, self.float32 = module, module.float64

    def __getattr__(self, name):
        return getattr(self.module, name)


@pytest.fixture
def scheduler(monkeypatch):
    def make(module, name, **options):
        imported = importlib.import_module(f"diffusers.schedulers.scheduling_{module}")
        for library, original in (("torch", torch), ("np", np)):
            if hasattr(imported, library):
                monkeypatch.setattr(imported, library, Wide(original))
        return getattr(imported, name)(**options)

    return make


def network(inputs, labels, /):
    return torch.sin(2 * inputs) + 0.3 * torch.tanh(labels).view(-1, 1, 1, 1) + 0.2 * inputs.flip(-1)


def at(noise_level):
    return torch.full((len(KEYS),), math.log(noise_level) / 4, dtype=torch.float64)


def noise(draw):
    return normal(KEYS, draw, SHAPE, torch.float64)


def draw(sampler, schedule, times, prediction=Prediction.epsilon, sigma_data=1.0):
    return Trajectory(
        sampler.table(schedule, times),
        {"conditional": Denoiser(network, prediction, sigma_data)},
        shape=SHAPE,
        batch_size=len(KEYS),
        device=torch.device("cpu"),
        dtype=torch.float64,
    ).run(KEYS)


def assert_parity(ours, theirs):
    assert theirs.dtype == torch.float64
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-12


@pytest.mark.parametrize("path", PATHS)
def test_alphas_cumprod(scheduler, path):
    schedule, options = PATHS[path]
    theirs = scheduler("ddpm", "DDPMScheduler", **options).alphas_cumprod.numpy()
    np.testing.assert_allclose(schedule.alphas_cumprod, theirs, rtol=1e-11)
    alpha, sigma = schedule.alpha_sigma(np.arange(1, 1001) / 1000)
    np.testing.assert_allclose(alpha**2, theirs, rtol=1e-11)
    np.testing.assert_allclose(sigma**2, 1 - theirs, rtol=1e-11)


def test_a_checkpoints_alphas_cumprod(scheduler):
    options = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    theirs = scheduler("ddpm", "DDPMScheduler", **options).alphas_cumprod.numpy()
    alpha, _ = Tabulated(tuple(theirs)).alpha_sigma(np.array([0.25, 0.5, 0.75, 1.0]))
    np.testing.assert_allclose(alpha**2, theirs[[249, 499, 749, 999]], rtol=1e-13)
    np.testing.assert_allclose(alpha**2, [0.675, 0.278, 0.057, 4.7e-3], rtol=2e-2)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("prediction", "name"),
    [(Prediction.epsilon, "epsilon"), (Prediction.x0, "sample"), (Prediction.v, "v_prediction")],
)
@pytest.mark.parametrize("path", PATHS)
def test_ddim(scheduler, path, prediction, name, eta):
    schedule, options = PATHS[path]
    peer = scheduler(
        "ddim", "DDIMScheduler", timestep_spacing="trailing", prediction_type=name, clip_sample=False, **options
    )
    peer.set_timesteps(20)
    times = UniformTime().times(schedule, 20)
    x = schedule.alpha_sigma(times)[1][0] * noise(0)
    for i, t in enumerate(peer.timesteps):
        alpha_bar = peer.alphas_cumprod[t]
        output = network(x, at(torch.sqrt((1 - alpha_bar) / alpha_bar)))
        x = peer.step(output, t, x, eta=eta, variance_noise=noise(i + 1)).prev_sample
    assert_parity(draw(DDIM(20, eta), schedule, times, prediction), x)


@pytest.mark.parametrize("steps", [12, 200])
def test_ancestral_is_ddpm_with_the_small_variance(scheduler, monkeypatch, steps):
    peer = scheduler("ddpm", "DDPMScheduler", variance_type="fixed_small", clip_sample=False, **LINEAR)
    timesteps = np.linspace(999, 0, steps).round().astype(int)
    peer.set_timesteps(timesteps=timesteps.tolist())
    times = np.append((timesteps + 1) / 1000, 0)
    x = LinearBeta().alpha_sigma(times)[1][0] * noise(0)
    for i, t in enumerate(peer.timesteps):
        fresh = noise(i + 1)
        monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, z=fresh, **__: z)
        alpha_bar = peer.alphas_cumprod[t]
        x = peer.step(network(x, at(torch.sqrt((1 - alpha_bar) / alpha_bar))), t, x).prev_sample
    assert_parity(draw(Ancestral(steps), LinearBeta(), times), x)


@pytest.mark.parametrize("karras", [False, True])
@pytest.mark.parametrize(
    ("sampler", "module", "name"),
    [(Euler(20), "euler_discrete", "EulerDiscreteScheduler"), (Heun(20), "heun_discrete", "HeunDiscreteScheduler")],
    ids=["euler", "heun"],
)
def test_ode_solvers(scheduler, sampler, module, name, karras):
    spacing = "linspace" if karras else "trailing"
    peer = scheduler(module, name, timestep_spacing=spacing, use_karras_sigmas=karras, **LINEAR)
    peer.set_timesteps(20)
    times = (Karras() if karras else UniformTime()).times(LinearBeta(), 20)
    x = peer.sigmas[0] * noise(0)
    calls = 0
    for i, t in enumerate(peer.timesteps):
        x = peer.step(network(peer.scale_model_input(x, t), at(peer.sigmas[i])), t, x).prev_sample
        calls += 1
    assert_parity(draw(sampler, LinearBeta(), times), x)
    assert sampler.table(LinearBeta(), times).nfe() == calls


def test_edm_euler(scheduler):
    peer = scheduler("edm_euler", "EDMEulerScheduler", sigma_data=0.5)
    peer.set_timesteps(18)
    x = peer.sigmas[0] * noise(0)
    for i, t in enumerate(peer.timesteps):
        x = peer.step(network(peer.scale_model_input(x, t), at(peer.sigmas[i])), t, x).prev_sample
    assert_parity(draw(Euler(18), EDM(), Karras().times(EDM(), 18), Prediction.edm, 0.5), x)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_from_pure_noise(scheduler, eta):
    options = {"timestep_spacing": "trailing", "prediction_type": "v_prediction", "clip_sample": False, **LINEAR}
    peer = scheduler("ddim", "DDIMScheduler", rescale_betas_zero_snr=True, **options)
    schedule, times = ZeroTerminalSNR(), UniformTime().times(ZeroTerminalSNR(), 20)
    np.testing.assert_allclose(schedule.alphas_cumprod, peer.alphas_cumprod.numpy(), rtol=1e-9, atol=1e-15)
    peer.set_timesteps(20)
    x = noise(0)
    for i, t in enumerate(peer.timesteps):
        alpha, sigma = (c[i] for c in schedule.alpha_sigma(times))
        labels = torch.full((len(KEYS),), float(label(alpha, sigma)), dtype=torch.float64)
        x = peer.step(network(x, labels), t, x, eta=eta, variance_noise=noise(i + 1)).prev_sample
    assert_parity(draw(DDIM(20, eta), schedule, times, Prediction.v), x)


def test_flow_matching_euler(scheduler):
    peer = scheduler("flow_match_euler_discrete", "FlowMatchEulerDiscreteScheduler")
    times = UniformTime().times(Flow(), 20)
    peer.set_timesteps(sigmas=times[:-1].tolist())
    np.testing.assert_allclose(peer.sigmas.numpy(), times, atol=1e-15)
    x = noise(0)
    for sigma, t in zip(times, peer.timesteps, strict=False):
        labels = torch.full((len(KEYS),), float(label(1 - sigma, sigma)), dtype=torch.float64)
        x0 = network(x / np.hypot(1 - sigma, sigma), labels)
        x = peer.step((x - x0) / sigma, t, x).prev_sample  # the velocity is eps - x_0
    assert_parity(draw(Euler(20), Flow(), times, Prediction.x0), x)
