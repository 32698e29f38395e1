"""The denoising network: a residual MLP for tiny latents, a convolutional U-Net for larger ones."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench_latent_diffusion.options import DenoiserOptions, Network

FREQUENCIES = (0.5, 32.0, 32)  # lowest, highest, how many: for noise labels of a few units
EMBEDDING = 128

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class DenoisingNetwork(nn.Module):
    """Noisy latents [B, Z, h, w], noise labels [B] and, if `classes` > 0, class labels int64 [B] -> [B, Z, h, w].

    The class label `classes` stands for "unknown": the unconditional prediction of classifier-free guidance.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, options: DenoiserOptions) -> None:
        super().__init__()
        self.noise = NoiseEmbedding(EMBEDDING)
        self.classes = nn.Embedding(classes + 1, EMBEDDING) if classes else None
        body = {Network.mlp: ResidualMLP, Network.unet: UNet}[options.network]
        self.body = body(shape, EMBEDDING, options.width, options.blocks)

    def forward(self, latents: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        embedding = self.noise(noise)
        if self.classes is not None:
            embedding = embedding + self.classes(label)
        denoised: Tensor = self.body(latents, F.silu(embedding))
        return denoised


class NoiseEmbedding(nn.Module):
    """Noise labels [B] -> [B, size], through sines and cosines of many frequencies and a small network."""

    def __init__(self, size: int) -> None:
        super().__init__()
        low, high, count = FREQUENCIES
        frequencies = torch.linspace(math.log(low), math.log(high), count).exp()
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * count, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, noise: Tensor) -> Tensor:
        angles = torch.outer(noise, self.get_buffer("frequencies"))
        embedding: Tensor = self.layers(torch.cat([angles.cos(), angles.sin()], dim=1))
        return embedding


class ResidualMLP(nn.Module):
    """Residual blocks over the flattened latent: at 4x4 every position matters to every other."""

    def __init__(self, shape: tuple[int, int, int], embedding: int, width: int, blocks: int) -> None:
        super().__init__()
        size = math.prod(shape)
        self.inner = nn.Linear(size, width)
        self.blocks = nn.ModuleList(LinearBlock(width, embedding) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.outer = _zeroed(nn.Linear(width, size))

    def forward(self, latents: Tensor, embedding: Tensor) -> Tensor:
        x = self.inner(latents.flatten(1))
        for block in self.blocks:
            x = block(x, embedding)
        denoised: Tensor = self.outer(self.norm(x))
        return denoised.view_as(latents)


class LinearBlock(nn.Module):
    """x + linear(SiLU(linear(norm(x)) + linear(embedding))), the identity at first."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first, self.second = nn.Linear(width, width), _zeroed(nn.Linear(width, width))
        self.shift = nn.Linear(embedding, width)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        residual: Tensor = self.second(F.silu(self.first(self.norm(x)) + self.shift(embedding)))
        return x + residual


class UNet(nn.Module):
    """A U-Net of two resolutions with attention at the lower one (Ho et al. 2020, arXiv 2006.11239, appendix B)."""

    def __init__(self, shape: tuple[int, int, int], embedding: int, width: int, blocks: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(shape[0], width, 3, padding=1)
        self.down = nn.ModuleList(ConvolutionBlock(width, width, embedding) for _ in range(blocks))
        self.shrink = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.low = nn.ModuleList(ConvolutionBlock(2 * width, 2 * width, embedding) for _ in range(blocks))
        self.attention = Attention(2 * width)
        self.grow = nn.Conv2d(2 * width, width, 3, padding=1)
        self.up = nn.ModuleList(ConvolutionBlock(2 * width, width, embedding) for _ in range(blocks))
        self.norm = _normalisation(width)
        self.outer = _zeroed(nn.Conv2d(width, shape[0], 3, padding=1))

    def forward(self, latents: Tensor, embedding: Tensor) -> Tensor:
        x = self.inner(latents)
        skips = []
        for block in self.down:
            x = block(x, embedding)
            skips.append(x)
        x = self.shrink(x)
        for block in self.low:
            x = block(x, embedding)
        x = self.grow(F.interpolate(self.attention(x), size=latents.shape[-2:]))
        for block in self.up:
            x = block(torch.cat([x, skips.pop()], dim=1), embedding)
        denoised: Tensor = self.outer(F.silu(self.norm(x)))
        return denoised


class ConvolutionBlock(nn.Module):
    """Two normalised convolutions with a shortcut; the embedding shifts between them."""

    def __init__(self, channels_in: int, channels_out: int, embedding: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([_normalisation(channels_in), _normalisation(channels_out)])
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.second = _zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shift = nn.Linear(embedding, channels_out)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.first(F.silu(self.norms[0](x))) + self.shift(embedding)[:, :, None, None]
        out: Tensor = self.shortcut(x) + self.second(F.silu(self.norms[1](hidden)))
        return out


class Attention(nn.Module):
    """Every position looks at every other: x + attention(norm(x)), one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _normalisation(channels)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.outer = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.query_key_value(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        out: Tensor = x + self.outer(mixed.reshape(x.shape))
        return out


def _normalisation(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)


def _zeroed(layer: Layer) -> Layer:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
