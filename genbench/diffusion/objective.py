"""The denoising loss that every diffusion model here is trained with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.noise_levels import NoiseLevels
from genbench.diffusion.predictions import label, preconditioning, target_weights
from genbench.interfaces.sampling import Schedule


def denoising_loss(
    denoiser: Denoiser,
    x0: Tensor,
    schedule: Schedule,
    noise_levels: NoiseLevels = NoiseLevels.uniform,
    **conditions: Tensor,
) -> Tensor:
    """The mean squared error (a scalar) of the network on its target, for clean x0 [B, ...].

    One noise level per image, spread evenly over the batch: quantile i is (u + i / B) mod 1 with one uniform u (Kingma
    et al. 2021, arXiv 2107.00630, appendix I.1), which is unbiased and less noisy than independent levels.
    Random numbers come from torch's global generators, the levels' from the CPU's.
    """
    batch = len(x0)
    quantiles = (torch.rand((), dtype=torch.float64).item() + np.arange(batch) / batch) % 1
    alpha, sigma = schedule.alpha_sigma(noise_levels.times(schedule, quantiles))
    _, _, c_in = preconditioning(denoiser.prediction, alpha, sigma, denoiser.sigma_data)
    on_x0, on_eps = target_weights(denoiser.prediction, alpha, sigma, denoiser.sigma_data)
    scalars = torch.from_numpy(np.stack([c_in * alpha, c_in * sigma, on_x0, on_eps])).to(x0.device, x0.dtype)
    in_x0, in_eps, out_x0, out_eps = scalars.view(4, batch, *(1,) * (x0.ndim - 1))
    labels = torch.from_numpy(label(alpha, sigma)).to(x0.device, x0.dtype)

    eps = torch.randn_like(x0)
    output = denoiser.network(in_x0 * x0 + in_eps * eps, labels, **conditions)
    return torch.nn.functional.mse_loss(output, out_x0 * x0 + out_eps * eps)
