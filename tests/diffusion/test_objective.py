"""The denoising loss against closed forms, and the noise levels it draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.noise_levels import NoiseLevels
from genbench.diffusion.objective import denoising_loss
from genbench.diffusion.predictions import Prediction, preconditioning
from genbench.diffusion.schedules import EDM, Cosine, Flow, LinearAlphaBar, LinearBeta, ZeroTerminalSNR

SCHEDULES = [LinearAlphaBar(), LinearBeta(), Cosine(), EDM(), Flow(), ZeroTerminalSNR()]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def images(batch, std=0.5):
    return std * torch.randn(batch, 2, 3, 3, dtype=torch.float64)


@pytest.mark.parametrize("prediction", Prediction)
@pytest.mark.parametrize("schedule", [LinearBeta(), EDM(0.02, 20)], ids=str)
def test_a_network_that_knows_the_image_has_no_loss(schedule, prediction):
    x0 = images(64)

    def oracle(inputs, labels, /):
        ratio = torch.exp(4 * labels).view(-1, 1, 1, 1)
        alpha = 1 / torch.sqrt(1 + ratio**2) if isinstance(schedule, LinearBeta) else torch.ones_like(ratio)
        skip, out, scaling = (torch.from_numpy(c) for c in preconditioning(prediction, alpha, ratio * alpha, 0.5))
        return (x0 - skip * inputs / scaling) / out

    assert float(denoising_loss(Denoiser(oracle, prediction, 0.5), x0, schedule)) < 1e-12


@pytest.mark.parametrize("noise_levels", NoiseLevels)
@pytest.mark.parametrize(("prediction", "std"), [(Prediction.epsilon, 0.5), (Prediction.edm, 0.5), (Prediction.v, 1.0)])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_targets_of_gaussian_data_have_unit_variance(schedule, prediction, std, noise_levels):
    def zero(inputs, labels, /):
        assert float(inputs.var()) == pytest.approx(1, abs=0.05)
        return torch.zeros_like(inputs)

    loss = denoising_loss(Denoiser(zero, prediction, std), images(2000, std), schedule, noise_levels)
    assert float(loss) == pytest.approx(1, abs=0.04)


def test_lognormal_levels_have_the_moments_of_edm():
    seen = []

    def record(inputs, labels, /):
        seen.append(4 * labels)
        return inputs

    denoising_loss(Denoiser(record, Prediction.edm, 0.5), images(4000), EDM(1e-4, 1e4), NoiseLevels.lognormal)
    assert float(seen[0].mean()) == pytest.approx(-1.2, abs=0.01)
    assert float(seen[0].std()) == pytest.approx(1.2, abs=0.01)


def test_uniform_levels_fill_the_batch_evenly():
    quantiles = (0.3 + np.arange(8) / 8) % 1
    times = np.sort(NoiseLevels.uniform.times(EDM(), quantiles))
    np.testing.assert_allclose(np.diff(times), 1 / 8)
    assert ((times > 0) & (times <= 1)).all()


def test_the_loss_is_reproducible_differentiable_and_passes_conditions_on():
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    x0, offsets = images(8), torch.linspace(-1, 1, 8, dtype=torch.float64)

    def network(inputs, labels, /, **conditions):
        return weight * inputs + conditions["label"].view(-1, 1, 1, 1)

    losses = []
    for label in (offsets, offsets, 2 * offsets):
        torch.manual_seed(1)
        losses.append(denoising_loss(Denoiser(network, Prediction.v), x0, Cosine(), label=label))
    assert losses[0].item() == losses[1].item() != losses[2].item()
    losses[0].backward()
    assert weight.grad is not None
    assert float(weight.grad) != 0
