"""The options of latent diffusion: plain values, so that listing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from genbench.diffusion.noise_levels import NoiseLevels
from genbench.diffusion.predictions import Prediction


class Network(Enum):
    """What denoises: a residual MLP over the flattened latent, or a convolutional U-Net for latents from about 8x8."""

    mlp = "mlp"
    unet = "unet"


@dataclass
class AutoencoderOptions:
    """The first stage. Latents are 2^downsamplings times smaller than the images in each direction.

    `kl_weight` is the price of a nat per pixel in units of squared error: 2 s^2 lets the decoder miss pixels by s.
    """

    latent_channels: int = 4
    downsamplings: int = 1
    width: int = 32
    blocks: int = 1
    kl_weight: float = 0.01
    steps: int = 700
    batch_size: int = 64
    learning_rate: float = 3e-3


@dataclass
class DenoiserOptions:
    """The second stage. `width` is the size of an MLP's layers, or the channels of a U-Net at its highest resolution;
    `blocks` counts residual blocks, per resolution in a U-Net. `ema` is the decay per step of the averaged weights.
    """

    network: Network = Network.mlp
    width: int = 256
    blocks: int = 4
    steps: int = 2200
    batch_size: int = 128
    learning_rate: float = 2e-3
    ema: float = 0.999


@dataclass
class LatentDiffusionOptions:
    """Defaults are tuned for small grey images such as the 8x8 digits, at under a minute on one core.

    Every latent channel is scaled to the standard deviation `sigma_data`. EDM's log-normal noise levels are meant for
    0.5 and images; less trains at relatively more noise, which suits small latents better. `label_dropout` is how often
    training hides the label, which classifier-free guidance lives on.
    """

    autoencoder: AutoencoderOptions = field(default_factory=AutoencoderOptions)
    denoiser: DenoiserOptions = field(default_factory=DenoiserOptions)
    prediction: Prediction = Prediction.edm
    noise_levels: NoiseLevels = NoiseLevels.lognormal
    sigma_data: float = 0.3
    label_dropout: float = 0.1

    def __post_init__(self) -> None:
        for name, part in (("autoencoder", self.autoencoder), ("denoiser", self.denoiser)):
            for option, value in vars(part).items():
                if option not in ("ema", "kl_weight", "blocks", "network") and not value > 0:
                    raise ValueError(f"{name}.{option} must be above 0, not {value}")
        if self.autoencoder.kl_weight < 0 or self.autoencoder.blocks < 0 or self.denoiser.blocks < 0:
            raise ValueError("autoencoder.kl_weight and both numbers of blocks must not be negative")
        for name, share in (("denoiser.ema", self.denoiser.ema), ("label_dropout", self.label_dropout)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {share}")
        if not self.sigma_data > 0:
            raise ValueError(f"sigma_data must be above 0, not {self.sigma_data}")
