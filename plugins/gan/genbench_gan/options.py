"""The options of the GAN: plain numbers, so that listing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from genbench import Budget


@dataclass
class GANOptions:
    """Defaults are tuned for small grey images such as the 8x8 digits, at under a minute on one core.

    Channels are those at full resolution; every halving doubles them, up to eight times as many. Training lasts
    `budget`, "steps:N" or "images:N" seen by the discriminator. One step is `discriminator_steps` updates of the
    discriminator, each on its own `batch_size` real images, and one of the generator. Both optimizers are Adam(beta1,
    beta2). `ema` is the decay per step of the generator's averaged weights, which are the ones that draw. `augment`
    shows the discriminator shifted, cut and re-lit images (DiffAugment).
    """

    latent_size: int = 24
    generator_channels: int = 24
    discriminator_channels: int = 16
    budget: str = "steps:1100"
    batch_size: int = 64
    discriminator_steps: int = 1
    generator_learning_rate: float = 4e-3
    discriminator_learning_rate: float = 4e-3
    beta1: float = 0.0
    beta2: float = 0.99
    ema: float = 0.998
    augment: bool = False

    def __post_init__(self) -> None:
        Budget.parse(self.budget)
        for name, value in vars(self).items():
            if name not in ("budget", "beta1", "beta2", "ema", "augment") and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= vars(self)[name] < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {vars(self)[name]}")
