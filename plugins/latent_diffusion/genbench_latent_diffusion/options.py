"""The options of latent diffusion: plain values, so that listing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from genbench import Budget
from genbench.autoencoders.options import KLOptions
from genbench.diffusion.noise_levels import NoiseLevels
from genbench.diffusion.predictions import Prediction


class Network(Enum):
    """What denoises: a residual MLP over the flattened latent, or a convolutional U-Net for latents from about 8x8."""

    mlp = "mlp"
    unet = "unet"


@dataclass
class DenoiserOptions:
    """The denoising network and its training. `width` is the size of an MLP's layers, or the channels of a U-Net at its
    highest resolution; `blocks` counts residual blocks, per resolution in a U-Net. `ema` is the decay per step of the
    averaged weights.
    """

    network: Network = Network.mlp
    width: int = 256
    blocks: int = 4
    budget: str = "steps:2200"
    batch_size: int = 128
    learning_rate: float = 2e-3
    ema: float = 0.999

    def __post_init__(self) -> None:
        for name in ("width", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"denoiser.{name} must be above 0, not {getattr(self, name)}")
        if self.blocks < 0:
            raise ValueError(f"denoiser.blocks must not be negative, not {self.blocks}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"denoiser.ema must be at least 0 and below 1, not {self.ema}")
        Budget.parse(self.budget)


@dataclass
class DenoisingOptions:
    """What the denoiser depends on, beside the autoencoder whose latents it learns.

    Every latent channel is scaled to the standard deviation `sigma_data`. EDM's log-normal noise levels are meant for
    0.5 and images; less trains at relatively more noise, which suits small latents better. `label_dropout` is how often
    training hides the label, which classifier-free guidance lives on.
    """

    denoiser: DenoiserOptions = field(default_factory=DenoiserOptions)
    prediction: Prediction = Prediction.edm
    noise_levels: NoiseLevels = NoiseLevels.lognormal
    sigma_data: float = 0.3
    label_dropout: float = 0.1

    def __post_init__(self) -> None:
        if not self.sigma_data > 0:
            raise ValueError(f"sigma_data must be above 0, not {self.sigma_data}")
        if not 0 <= self.label_dropout < 1:
            raise ValueError(f"label_dropout must be at least 0 and below 1, not {self.label_dropout}")


@dataclass
class LatentDiffusionOptions(DenoisingOptions):
    """Both stages. Defaults are tuned for small grey images such as the 8x8 digits, at under a minute on one core."""

    autoencoder: KLOptions = field(default_factory=KLOptions)

    @property
    def denoising(self) -> DenoisingOptions:
        """Those of the denoiser's stage alone: two models that differ in the rest share it."""
        return DenoisingOptions(self.denoiser, self.prediction, self.noise_levels, self.sigma_data, self.label_dropout)
