"""The executor against loops written from the papers, and what makes images independent of how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genbench.diffusion import solvers
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.grids import Karras, UniformTime
from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.predictions import Prediction, preconditioning
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.diffusion.schedules import EDM, LinearBeta
from genbench.diffusion.tables import Call, Row, Table
from genbench.drawing.noise import normal

SAMPLERS = [DDIM(7), DDIM(7, eta=0.5), Ancestral(7), Euler(7), Heun(7)]
SHAPE = (2, 3, 3)
KEYS = torch.arange(5) * 7919 + 3


def network(inputs, labels, /, **conditions):
    """Any smooth function; each image by itself."""
    bias = conditions["label"].view(-1, 1, 1, 1) if "label" in conditions else 0
    return torch.sin(2 * inputs) + 0.3 * torch.tanh(labels).view(-1, 1, 1, 1) + 0.1 * inputs.flip(-1) + bias


def trajectory(sampler, schedule=None, grid=None, batch_size=5, **options):
    schedule, grid = schedule or LinearBeta(), grid or Karras()
    table = sampler.table(schedule, grid.times(schedule, sampler.steps)) if not isinstance(sampler, Table) else sampler
    options = {"network": network, "prediction": Prediction.v, "dtype": torch.float64, **options}
    return Trajectory(table, shape=SHAPE, batch_size=batch_size, device=torch.device("cpu"), **options)


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
    drawn = trajectory(DDIM(10, eta), grid=UniformTime(), prediction=prediction, sigma_data=0.8).run(KEYS)
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
    drawn = trajectory(Heun(9), EDM(), prediction=Prediction.edm, sigma_data=0.5).run(KEYS)
    torch.testing.assert_close(drawn, x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_one_denoiser_in_four_parametrisations_draws_the_same_images(sampler):
    def predictor(prediction):
        def outputs(inputs, labels, /):
            ratio = torch.exp(4 * labels).view(-1, 1, 1, 1)
            alpha, sigma = 1 / torch.sqrt(1 + ratio**2), ratio / torch.sqrt(1 + ratio**2)
            skip, out, scaling = (torch.from_numpy(c) for c in preconditioning(prediction, alpha, sigma, 0.6))
            x = inputs / scaling
            return (torch.tanh(0.9 * x * alpha + 0.2) - skip * x) / out

        return outputs

    drawn = [
        trajectory(sampler, network=predictor(prediction), prediction=prediction, sigma_data=0.6).run(KEYS)
        for prediction in Prediction
    ]
    for images in drawn[1:]:
        torch.testing.assert_close(images, drawn[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sampler", [DDIM(7), Heun(7)], ids=str)
def test_paths_with_the_same_log_snr_draw_the_same_images(sampler):
    log_snr = np.append(np.linspace(-2 * np.log(50), -2 * np.log(0.02), 7), np.inf)
    drawn = []
    for path in (LinearBeta(), EDM(sigma_max=200)):
        table = sampler.table(path, path.t_at(log_snr))
        start = table.rows[0].noise, path.alpha_sigma(path.t_at(log_snr))[0][0]
        assert start[0] / start[1] == pytest.approx(50)
        drawn.append(trajectory(table, sigma_data=0.5).run(KEYS))
    torch.testing.assert_close(drawn[0], drawn[1], rtol=1e-10, atol=1e-10)


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


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_nothing_is_left_over_from_before(sampler):
    drawer = trajectory(sampler)
    first = drawer.run(KEYS)
    kept = first.clone()
    for buffer in [*drawer._slots, drawer._inputs]:
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

    drawer = trajectory(sampler, network=counting, weak_network=counting, guidance=guidance)
    drawer.run(KEYS)
    calls = [row.call for row in drawer.table.rows if row.call]
    twice = sum(guided(2 * np.log(call.alpha / call.sigma)) for call in calls)
    assert sum(rows) / len(KEYS) == drawer.nfe == drawer.table.nfe + twice
    assert drawer.table.nfe == {Ancestral: 9, Heun: 17}[type(sampler)]


def test_guidance_extrapolates_from_weak_to_strong():
    drawer = trajectory(
        Euler(4),
        network=lambda inputs, labels, /: torch.full_like(inputs, 0.5),
        weak_network=lambda inputs, labels, /: torch.full_like(inputs, 0.2),
        prediction=Prediction.x0,
        guidance=ClassifierFree(scale=2.5),
    )
    torch.testing.assert_close(drawer.run(KEYS), torch.full((5, *SHAPE), 0.2 + 2.5 * 0.3, dtype=torch.float64))


def test_guidance_without_a_weak_network_is_refused():
    with pytest.raises(ValueError, match="needs a weak network"):
        trajectory(Euler(4), guidance=ClassifierFree(2))


def test_conditions_reach_both_networks():
    labels = torch.arange(5, dtype=torch.float64)
    alone = trajectory(Heun(5)).run(KEYS, label=labels)
    assert torch.equal(
        trajectory(Heun(5), weak_network=network, guidance=ClassifierFree(1)).run(KEYS, label=labels), alone
    )
    guided = trajectory(Heun(5), weak_network=network, guidance=ClassifierFree(4)).run(KEYS, label=labels)
    torch.testing.assert_close(guided, alone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_clip_changes_every_prediction(sampler):
    drawn = trajectory(sampler, clip=lambda x0: x0.clamp_(-0.1, 0.1)).run(KEYS)
    assert float(drawn.abs().max()) <= 0.1 + 1e-12  # the last step returns the prediction
    wide = trajectory(sampler, clip=lambda x0: x0.clamp_(-1e9, 1e9)).run(KEYS)
    torch.testing.assert_close(wide, trajectory(sampler).run(KEYS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("clip", [None, lambda x0: x0.clamp_(-1e9, 1e9)], ids=["plain", "clip"])
def test_a_row_can_remember_eps_and_churn(clip):
    # What multistep solvers and churn need: eps in memory, noise added by a row without a call, weights on old slots.
    alpha, sigma = 0.6, 0.8
    table = Table(
        (
            Row(None, 0, (), noise=sigma),
            Row(Call(alpha, sigma, 0.5), 0, ((0, 1.0),), memory=1, on_state=1 / sigma, on_x0=-alpha / sigma),
            Row(None, 0, ((0, 0.5),), noise=0.25),
            Row(Call(alpha, sigma, 0.5), 0, ((0, 2.0), (2, 0.5), (1, -1.5)), memory=2),
        ),
        slots=3,
    )
    z0, z2 = (normal(KEYS, draw, SHAPE, torch.float64) for draw in (0, 2))
    x = sigma * z0
    eps = (x - alpha * denoise(x, alpha, sigma, Prediction.v, 1.0)) / sigma
    x = 0.5 * x + 0.25 * z2
    expected = 2 * x + 0.5 * denoise(x, alpha, sigma, Prediction.v, 1.0) - 1.5 * eps
    torch.testing.assert_close(trajectory(table, clip=clip).run(KEYS), expected, rtol=1e-12, atol=1e-12)


def test_samplers_share_the_initial_noise():
    for sampler in SAMPLERS:
        start = sampler.table(EDM(), Karras().times(EDM(), 4)).rows[0]
        assert (start.call, start.noise) == (None, pytest.approx(80))
    assert solvers.ancestral(EDM(), np.array([1.0, 0.0])) == solvers.euler(EDM(), np.array([1.0, 0.0]))


def test_another_batch_size_is_refused():
    with pytest.raises(ValueError, match="batches of 5, not 2"):
        trajectory(Euler(4)).run(KEYS[:2])


def test_float32_agrees_with_float64():
    single = trajectory(Heun(7), dtype=torch.float32).run(KEYS)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), trajectory(Heun(7)).run(KEYS), rtol=1e-3, atol=1e-3)
