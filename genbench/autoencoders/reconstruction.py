"""Images as an autoencoder gives them back: what a latent model could draw at best."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.autoencoders.kl import KLAutoencoder
from genbench.images import to_bytes, to_unit_range
from genbench.interfaces.data import ImageSet

CHUNK = 512
"""Images that are encoded and decoded at a time."""


class Reconstructed(ImageSet):
    """The images of a set, decoded from the means of their latents when they are read: uint8 [N, C, H, W], with the
    set's columns. The autoencoder stays on its device, and must be in evaluation mode.
    """

    def __init__(self, images: ImageSet, autoencoder: KLAutoencoder) -> None:
        self.images, self.autoencoder = images, autoencoder
        self.id = f"{images.id}-reconstructed"
        self.first, self.count, self.shape, self.columns = images.first, images.count, images.shape, images.columns

    def read(self, start: int, stop: int) -> Tensor:
        """Images start, …, stop - 1."""
        return self._reconstruct(self.images.read(start, stop))

    def take(self, indices: Tensor) -> Tensor:
        """The images at these indices."""
        return self._reconstruct(self.images.take(indices))

    def part(self, first: int, count: int) -> Reconstructed:
        """`count` images from number `first` of this set on."""
        return Reconstructed(self.images.part(first, count), self.autoencoder)

    @torch.no_grad()
    def _reconstruct(self, images: Tensor) -> Tensor:
        device = next(self.autoencoder.parameters()).device
        chunks = [to_unit_range(chunk.to(device)) for chunk in torch.split(images, CHUNK)]
        return torch.cat([to_bytes(self.autoencoder.decode(self.autoencoder.encode(x).mean)).cpu() for x in chunks])
