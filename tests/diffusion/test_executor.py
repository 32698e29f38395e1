"""The executor against loops written from the papers, and what makes images independent of how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.grids import Karras, UniformLogSNR, UniformTime
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.predictions import Prediction, preconditioning
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearAlphaBar, LinearBeta, ZeroTerminalSNR
from genbench.diffusion.tables import Level, Table
from genbench.drawing.noise import normal

SAMPLERS = [DDIM(7), DDIM(7, eta=0.5), Ancestral(7), Euler(7), Heun(7)]
SHAPE = (2, 3, 3)
KEYS = torch.arange(5) * 7919 + 3
GRIDS = [UniformTime(), UniformLogSNR(), Karras()]
SCHEDULES = [LinearAlphaBar(), LinearBeta(), Cosine(), EDM(), Flow(), ZeroTerminalSNR()]


def network(inputs, labels, /, **conditions):
    """Any smooth function; each image by itself."""
    bias = conditions["label"].view(-1, 1, 1, 1) if "label" in conditions else 0
    return torch.sin(2 * inputs) + 0.3 * torch.tanh(labels).view(-1, 1, 1, 1) + 0.1 * inputs.flip(-1) + bias


V = Denoiser(network, Prediction.v)


def trajectory(sampler, denoiser=V, schedule=None, grid=None, batch_size=5, dtype=torch.float64, **options):
    schedule, grid = schedule or LinearBeta(), grid or Karras()
    table = sampler if isinstance(sampler, Table) else sampler.table(schedule, grid.times(schedule, sampler.steps))
    denoisers = {"conditional": denoiser} if isinstance(denoiser, Denoiser) else denoiser
    device = torch.device("cpu")
    return Trajectory(table, denoisers, shape=SHAPE, batch_size=batch_size, device=device, dtype=dtype, **options)


def denoise(x, alpha, sigma, prediction, sigma_data):
    skip, out, scaling = (float(c) for c in preconditioning(prediction, alpha, sigma, sigma_data))
    labels = torch.full((len(x),), np.log(sigma / alpha) / 4, dtype=torch.float64)
    return skip * x + out * network(scaling * x, labels)


@pytest.mark.parametrize("prediction", Prediction)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_is_equation_12_of_its_paper(prediction, eta):
    schedule, times = LinearBeta(), UniformTime().times(LinearBeta(), 10)
    alpha, sigma = schedule.alpha_sigma(times)
    x = sigma[0] * normal(KEYS, 0, SHAPE, torch.float64)
    for i in range(10):
        x0 = denoise(x, alpha[i], sigma[i], prediction, 0.8)
        eps = (x - alpha[i] * x0) / sigma[i]
        fresh = eta * sigma[i + 1] / sigma[i] * np.sqrt(1 - (alpha[i] / alpha[i + 1]) ** 2)
        x = alpha[i + 1] * x0 + np.sqrt(sigma[i + 1] ** 2 - fresh**2) * eps
        x = x + fresh * normal(KEYS, i + 1, SHAPE, torch.float64)
    drawn = trajectory(DDIM(10, eta), Denoiser(network, prediction, 0.8), grid=UniformTime()).run(KEYS)
    torch.testing.assert_close(drawn, x, rtol=1e-12, atol=1e-12)


def test_heun_is_algorithm_1_of_edm():
    sigma = EDM().alpha_sigma(Karras().times(EDM(), 9))[1]
    sigma[-1] = 0
    x = sigma[0] * normal(KEYS, 0, SHAPE, torch.float64)
    for i in range(9):
        slope = (x - denoise(x, 1.0, sigma[i], Prediction.edm, 0.5)) / sigma[i]
        ahead = x + (sigma[i + 1] - sigma[i]) * slope
        if sigma[i + 1] > 0:
            slope = (slope + (ahead - denoise(ahead, 1.0, sigma[i + 1], Prediction.edm, 0.5)) / sigma[i + 1]) / 2
            ahead = x + (sigma[i + 1] - sigma[i]) * slope
        x = ahead
    drawn = trajectory(Heun(9), Denoiser(network, Prediction.edm, 0.5), EDM()).run(KEYS)
    torch.testing.assert_close(drawn, x, rtol=1e-12, atol=1e-12)


def exact(schedule, prediction, predict):
    """The network of this prediction whose x_0 is `predict(x, level)` on this path."""

    def outputs(inputs, labels, /):
        alpha, sigma = schedule.alpha_sigma(schedule.t_at(-8 * labels.numpy()))
        skip, out, scaling = (torch.from_numpy(c).view(-1, 1, 1, 1) for c in preconditioning(prediction, alpha, sigma))
        x = inputs / scaling
        level = Level(*(torch.from_numpy(c).view(-1, 1, 1, 1) for c in (alpha, sigma)), t=0.0)
        return (predict(x, level) - skip * x) / out

    return Denoiser(outputs, prediction)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR(), Karras()], ids=str)
@pytest.mark.parametrize(
    "schedule", [LinearAlphaBar(), LinearBeta(), Cosine(), EDM(), Flow(), ZeroTerminalSNR()], ids=str
)
def test_gaussian_data_are_drawn_as_the_table_says(schedule, grid, sampler, linear_form, gaussian):
    table = sampler.table(schedule, grid.times(schedule, sampler.steps))
    mean, *weights = linear_form(table, gaussian.denoise)
    expected = mean + sum(weight * normal(KEYS, draw, SHAPE, torch.float64) for draw, weight in enumerate(weights))
    for prediction in (Prediction.x0, Prediction.v, Prediction.edm):
        drawn = trajectory(table, exact(schedule, prediction, gaussian.denoise)).run(KEYS)
        torch.testing.assert_close(drawn, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_one_denoiser_in_four_parametrisations_draws_the_same_images(sampler):
    def predict(x, level):
        return torch.tanh(0.9 * x * level.alpha + 0.2)

    drawn = [trajectory(sampler, exact(LinearBeta(), prediction, predict)).run(KEYS) for prediction in Prediction]
    for images in drawn[1:]:
        torch.testing.assert_close(images, drawn[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sampler", [DDIM(7), Heun(7)], ids=str)
def test_paths_with_the_same_log_snr_draw_the_same_images(sampler):
    log_snr = np.append(np.linspace(-2 * np.log(50), -2 * np.log(0.02), 7), np.inf)
    drawn = []
    for path in (LinearBeta(), EDM(sigma_max=200), Flow()):
        table = sampler.table(path, path.t_at(log_snr))
        assert table.rows[0].fresh / table.rows[0].level.alpha == pytest.approx(50)
        drawn.append(trajectory(table, Denoiser(network, Prediction.v, 0.5)).run(KEYS))
    torch.testing.assert_close(drawn[0], drawn[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(drawn[0], drawn[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_images_depend_on_their_keys_only(sampler):
    whole = trajectory(sampler).run(KEYS)
    assert torch.equal(whole, trajectory(sampler).run(KEYS))
    parts = torch.cat([trajectory(sampler, batch_size=len(keys)).run(keys) for keys in KEYS.split([1, 3, 1])])
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-10)
    changed = KEYS.clone()
    changed[2] = 12345
    moved = (trajectory(sampler).run(changed) != whole).flatten(1).any(dim=1)
    assert moved.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("guidance", [None, ClassifierFree(2)], ids=str)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_nothing_is_left_over_from_before(sampler, guidance):
    drawer = trajectory(sampler, {"conditional": V, "unconditional": V}, guidance=guidance)
    first = drawer.run(KEYS)
    kept = first.clone()
    for buffer in [*drawer._slots, *drawer._predictions, drawer._inputs]:
        buffer.fill_(torch.nan)
    assert torch.equal(drawer.run(KEYS), kept)
    drawer.run(KEYS + 1)
    assert torch.equal(first, kept)  # a result is the caller's, not a buffer


@pytest.mark.parametrize("sampler", [Ancestral(9), Heun(9)], ids=str)
@pytest.mark.parametrize(
    ("guidance", "guided"),
    [
        (None, lambda log_snr: False),
        (NoGuidance(), lambda log_snr: False),
        (ClassifierFree(1), lambda log_snr: False),
        (ClassifierFree(3), lambda log_snr: True),
        (ClassifierFree(3, -2, 2), lambda log_snr: -2 <= log_snr <= 2),
    ],
    ids=str,
)
def test_nfe_is_the_number_of_calls(sampler, guidance, guided):
    rows = []

    def counting(inputs, labels, /):
        rows.append(len(inputs))
        return network(inputs, labels)

    denoiser = Denoiser(counting, Prediction.v)
    drawer = trajectory(sampler, {"conditional": denoiser, "unconditional": denoiser}, guidance=guidance)
    drawer.run(KEYS)
    twice = sum(guided(row.call.log_snr) for row in drawer.table.rows if row.call)
    assert sum(rows) / len(KEYS) == drawer.nfe == drawer.table.nfe() + twice
    assert drawer.table.nfe() == {Ancestral: 9, Heun: 17}[type(sampler)]


def test_conditions_reach_every_network():
    labels = torch.arange(5, dtype=torch.float64)
    both = {"conditional": V, "unconditional": V}
    alone = trajectory(Heun(5)).run(KEYS, label=labels)
    assert torch.equal(trajectory(Heun(5), both, guidance=ClassifierFree(1)).run(KEYS, label=labels), alone)
    guided = trajectory(Heun(5), both, guidance=ClassifierFree(4)).run(KEYS, label=labels)
    torch.testing.assert_close(guided, alone, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(alone, trajectory(Heun(5)).run(KEYS))


def test_another_batch_size_is_refused():
    with pytest.raises(ValueError, match="batches of 5, not 2"):
        trajectory(Euler(4)).run(KEYS[:2])


def test_float32_agrees_with_float64():
    single = trajectory(Heun(7), dtype=torch.float32).run(KEYS)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), trajectory(Heun(7)).run(KEYS), rtol=1e-3, atol=1e-3)


class Operations(TorchDispatchMode):
    """Counts what torch is asked to compute."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("sampler", "options", "operations"),
    [
        # The network's input, the memory (from the output, and from the state), the target (from both).
        (DDIM, {}, 5),
        (DDIM, {"guidance": ClassifierFree(2)}, 8),
        (DDIM, {"on_x0": lambda x0, level: None}, 5),
    ],
    ids=["plain", "guided", "clipped"],
)
def test_a_step_costs_few_operations(sampler, options, operations):
    fixed = torch.zeros(5, *SHAPE, dtype=torch.float64)
    denoiser = Denoiser(lambda inputs, labels, /: fixed, Prediction.v)
    counts = []
    for steps in (10, 20):
        drawer = trajectory(sampler(steps), {"conditional": denoiser, "unconditional": denoiser}, **options)
        with Operations() as mode:
            drawer.run(KEYS)
        counts.append(mode.count)
    assert counts[1] - counts[0] == 10 * operations
