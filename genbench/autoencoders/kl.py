"""A small convolutional autoencoder with a Gaussian latent and a light KL penalty.

The first stage of latent diffusion (Rombach et al. 2022, arXiv 2112.10752, section 3.1 and appendix G), without the
perceptual and adversarial losses that only large photographs need.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.autoencoders.options import KLOptions

LOG_VARIANCE_RANGE = (-20.0, 10.0)


@dataclass(frozen=True)
class Posterior:
    """The Gaussian q(z | x) of a batch of images: mean and standard deviation, both [B, Z, h, w]."""

    mean: Tensor
    std: Tensor

    def sample(self) -> Tensor:
        """One draw per image, with torch's global generator."""
        return self.mean + self.std * torch.randn_like(self.mean)

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) in nats per image, [B] (Kingma & Welling 2014, arXiv 1312.6114, appendix B)."""
        variance = self.std.square()
        return 0.5 * (self.mean.square() + variance - 1 - variance.log()).flatten(1).sum(1)


class KLAutoencoder(nn.Module):
    """Images [B, C, H, W] in [-1, 1] to latents [B, Z, h, w] and back, h = ceil(H / 2^downsamplings), w likewise.

    Sides that 2^downsamplings does not divide are padded with copies of their last row or column, and cropped again.
    `latent_shape` is (Z, h, w).
    """

    def __init__(self, shape: tuple[int, int, int], options: KLOptions) -> None:
        super().__init__()
        channels, height, width = shape
        factor = 2**options.downsamplings
        self.latent_shape = options.latent_channels, -(-height // factor), -(-width // factor)
        sizes = options.latent_channels, options.downsamplings, options.width, options.blocks
        self.encoder = Encoder(channels, *sizes)
        self.decoder = Decoder(shape, *sizes)

    def encode(self, images: Tensor) -> Posterior:
        """The posterior over latents."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCE_RANGE).mul(0.5).exp())

    def decode(self, latents: Tensor) -> Tensor:
        """Images, not clamped."""
        images: Tensor = self.decoder(latents)
        return images

    def loss(self, images: Tensor, kl_weight: float) -> dict[str, Tensor]:
        """Scalars: "loss" = "reconstruction" (mean squared error per pixel) + kl_weight * "kl" (nats per pixel).

        kl_weight = 2 s^2 makes it the negative evidence bound, up to scale, of pixels with noise of standard deviation
        s: what the decoder need not get right.
        """
        posterior = self.encode(images)
        reconstruction = F.mse_loss(self.decode(posterior.sample()), images)
        kl = posterior.kl().mean() / images[0].numel()
        return {"loss": reconstruction + kl_weight * kl, "reconstruction": reconstruction, "kl": kl}


class Encoder(nn.Module):
    """Images [B, C, H, W] -> mean and log-variance of the latents, stacked: [B, 2 Z, h, w]."""

    def __init__(self, channels: int, latent_channels: int, downsamplings: int, width: int, blocks: int) -> None:
        super().__init__()
        self.factor = 2**downsamplings
        layers: list[nn.Module] = []
        for level in range(downsamplings):
            layers += [nn.PixelUnshuffle(2), _convolution(4 * (width if level else channels), width)]
            layers += [ResidualBlock(width) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers, nn.SiLU(), _convolution(width, 2 * latent_channels))

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = F.pad(images, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        encoded: Tensor = self.layers(padded)
        return encoded


class Decoder(nn.Module):
    """Latents [B, Z, h, w] -> images [B, C, H, W], not clamped."""

    def __init__(
        self, shape: tuple[int, int, int], latent_channels: int, downsamplings: int, width: int, blocks: int
    ) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        layers: list[nn.Module] = [_convolution(latent_channels, width)]
        for level in reversed(range(downsamplings)):
            layers += [ResidualBlock(width) for _ in range(blocks)]
            layers += [nn.SiLU(), _convolution(width, 4 * (width if level else channels)), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        images: Tensor = self.layers(latents)
        return images[..., : self.height, : self.width]


class ResidualBlock(nn.Module):
    """x + convolution(convolution(x)), the identity at first: deep stacks then train without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + residual


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)
