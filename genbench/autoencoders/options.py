"""The options of the shared autoencoders: plain values, so that listing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from genbench.interfaces.budget import Budget


@dataclass
class KLOptions:
    """A KL autoencoder and its training: Adam, a short warm-up, cosine decay. Defaults suit small grey images.

    Latents have `latent_channels` channels and are 2^downsamplings times smaller than the images in each direction;
    `width` is the number of channels inside, `blocks` the number of residual blocks per resolution. `kl_weight` is the
    price of a nat per pixel in units of squared error: 2 s^2 lets the decoder miss pixels by s.
    """

    latent_channels: int = 4
    downsamplings: int = 1
    width: int = 32
    blocks: int = 1
    kl_weight: float = 0.01
    budget: str = "steps:700"
    batch_size: int = 64
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        for name in ("latent_channels", "downsamplings", "width", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"autoencoder.{name} must be above 0, not {getattr(self, name)}")
        for name in ("blocks", "kl_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"autoencoder.{name} must not be negative, not {getattr(self, name)}")
        Budget.parse(self.budget)

    def unsupported(self, height: int, width: int) -> str | None:
        """Why images of this size cannot be encoded and what would help (None if they can)."""
        factor = 2**self.downsamplings
        if factor <= min(height, width):
            return None
        return (
            f"autoencoder.downsamplings={self.downsamplings} divides the sides by {factor}, too much for images of"
            f" {height}x{width}: choose fewer"
        )
