"""The two networks of the GAN, for images of any size, and the differentiable augmentation between them."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from genbench import DataSpec

SMALLEST = 4  # pixels: the size below which images are halved no further
WIDEST = 8  # times the channels at full resolution


def levels(data: DataSpec) -> int:
    """How often images are halved: until their shorter side is below 8 pixels, and once at least."""
    return max(1, int(math.log2(min(data.height, data.width) / SMALLEST)))


def widths(channels: int, count: int) -> list[int]:
    """Channels by level, from full resolution to the smallest."""
    return [channels * min(2**level, WIDEST) for level in range(count + 1)]


class GeneratorNetwork(nn.Module):
    """Latents to images: a linear layer to ceil(size / 2^levels), then for each level a transposed convolution, which
    doubles the size, and a convolution.

    DCGAN (Radford et al., 2016) has the first of the two only. Sizes that are no multiple of 2^levels are cropped from
    the next one up.
    """

    def __init__(self, data: DataSpec, latent_size: int, channels: int, classes: int) -> None:
        super().__init__()
        count = levels(data)
        wide = widths(channels, count)[::-1]
        self.size = data.height, data.width
        self.base = wide[0], math.ceil(data.height / 2**count), math.ceil(data.width / 2**count)
        self.labels = nn.Embedding(classes, latent_size) if classes else None
        self.start = nn.Linear(latent_size * (2 if classes else 1), math.prod(self.base), bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(wide[0]), nn.ReLU()]
        for wide_from, wide_to in pairwise(wide):
            layers += [
                nn.ConvTranspose2d(wide_from, wide_to, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wide_to),
                nn.ReLU(),
                nn.Conv2d(wide_to, wide_to, 3, padding=1, bias=False),
                nn.BatchNorm2d(wide_to),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(wide[-1], data.channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [B, C, H, W] in [-1, 1] of latents [B, latent_size] and, if class-conditional, int64 labels [B]."""
        if self.labels is not None:
            latents = torch.cat((latents, self.labels(labels)), 1)
        images: Tensor = self.body(_channels_last(self.start(latents).view(-1, *self.base)))
        return images[..., : self.size[0], : self.size[1]]


class Discriminator(nn.Module):
    """Images to scores, every layer spectrally normalised (Miyato et al., 2018), so that it is nearly 1-Lipschitz.

    Labels enter by projection (Miyato & Koyama, 2018).
    """

    def __init__(self, data: DataSpec, channels: int, classes: int) -> None:
        super().__init__()
        count = levels(data)
        wide = widths(channels, count)
        layers: list[nn.Module] = [spectral_norm(nn.Conv2d(data.channels, wide[0], 3, padding=1)), nn.LeakyReLU(0.1)]
        for wide_from, wide_to in pairwise(wide):
            layers += [spectral_norm(nn.Conv2d(wide_from, wide_to, 4, stride=2, padding=1)), nn.LeakyReLU(0.1)]
        layers += [spectral_norm(nn.Conv2d(wide[-1], wide[-1], 3, padding=1)), nn.LeakyReLU(0.1), nn.Flatten()]
        self.body = nn.Sequential(*layers)
        features = wide[-1] * math.prod(side // 2**count for side in (data.height, data.width))
        self.score = spectral_norm(nn.Linear(features, 1))
        self.labels = spectral_norm(nn.Embedding(classes, features)) if classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Scores [B], higher for images that look real, of images [B, C, H, W] in [-1, 1] and int64 labels [B]."""
        features = self.body(_channels_last(images))
        scores: Tensor = self.score(features).squeeze(1)
        return scores if self.labels is None else scores + (self.labels(labels) * features).sum(1)


def _channels_last(images: Tensor) -> Tensor:
    """The same values in the memory layout in which convolutions over few channels are up to five times as fast."""
    return images.contiguous(memory_format=torch.channels_last)


def augment(images: Tensor) -> Tensor:
    """Images [B, C, H, W] with random brightness, contrast, shift and a cut-out square each, differentiably.

    DiffAugment (Zhao et al., 2020): real and generated images alike are shown so to the discriminator, which then
    cannot learn a small training set by heart. Shifts reach an eighth of a side, squares span half a side.
    """
    b, _, height, width = images.shape
    images = images + (torch.rand(b, 1, 1, 1, device=images.device) - 0.5)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * (torch.rand(b, 1, 1, 1, device=images.device) + 0.5) + mean
    rows, columns = (_shifted_places(b, side, images.device) for side in (height, width))
    padded = F.pad(images, (1, 1, 1, 1))
    everyone = torch.arange(b, device=images.device)[:, None, None]
    images = padded[everyone, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
    hidden = _interval(b, height, images.device)[:, :, None] & _interval(b, width, images.device)[:, None, :]
    return images.masked_fill(hidden[:, None], 0.0)


def _shifted_places(count: int, side: int, device: torch.device) -> Tensor:
    """[count, side]: for each image, where its pixels come from in an image padded by one, after a random shift."""
    reach = max(1, side // 8)
    shift = torch.randint(-reach, reach + 1, (count, 1), device=device)
    return (torch.arange(side, device=device) + shift + 1).clamp(0, side + 1)


def _interval(count: int, side: int, device: torch.device) -> Tensor:
    """bool [count, side]: half of the side, centred anywhere."""
    offset = torch.arange(side, device=device) - torch.randint(0, side, (count, 1), device=device)
    return (4 * offset >= -side) & (4 * offset < side)
