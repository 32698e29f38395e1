"""The training images as latents, and the scale that puts every latent channel on one footing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbench import TrainingView, to_unit_range
from genbench.autoencoders.kl import KLAutoencoder, Posterior

CHUNK = 512


class LatentScale(nn.Module):
    """Mean and standard deviation per latent channel, measured on the training images.

    One factor for all channels (as in Rombach et al. 2022, arXiv 2112.10752, appendix G) leaves channels whose spreads
    differ, and with them noise levels that mean different things to each.
    """

    def __init__(self, channels: int, sigma_data: float) -> None:
        super().__init__()
        self.sigma_data = sigma_data
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def measure(self, latents: Posterior) -> None:
        """Take the mean and spread of draws from posteriors [N, Z, h, w].

        The posteriors' own variance counts: a channel that has collapsed to the prior is noise of unit variance, and
        must not be blown up.
        """
        variance, mean = torch.var_mean(latents.mean, dim=(0, 2, 3), correction=0)
        variance = variance + latents.std.square().mean(dim=(0, 2, 3))
        self.mean.copy_(mean[:, None, None])
        self.std.copy_(variance.sqrt()[:, None, None])

    def standardise(self, posterior: Posterior) -> Posterior:
        """The same posterior with channels of mean 0 and standard deviation sigma_data."""
        factor = self.sigma_data / self.std
        return Posterior((posterior.mean - self.mean) * factor, posterior.std * factor)

    def restore(self, latents: Tensor) -> Tensor:
        """Standardised latents [B, Z, h, w] -> latents that the decoder understands."""
        return latents * (self.std / self.sigma_data) + self.mean


@torch.no_grad()
def encode_all(autoencoder: KLAutoencoder, train: TrainingView) -> Posterior:
    """The posteriors of all training images, on their device."""
    chunks = [autoencoder.encode(to_unit_range(images)) for images in train.batches(CHUNK)]
    return Posterior(torch.cat([chunk.mean for chunk in chunks]), torch.cat([chunk.std for chunk in chunks]))
