"""A network together with what it predicts: what samplers and the training loss see of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from genbench.diffusion.predictions import Prediction


class Network(Protocol):
    """A denoising network: inputs [B, C, ...], noise labels [B] (both positional) and conditions by name to its
    prediction [B, C, ...]; with learned variances to [B, 2 C, ...], the other half being where they lie between their
    bounds, -1 to 1.
    """

    def __call__(self, inputs: Tensor, labels: Tensor, /, **conditions: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Denoiser:
    """x_0 = c_skip x + c_out network(c_in x, label), with the numbers of `prediction` for data of standard deviation
    `sigma_data`.
    """

    network: Network
    prediction: Prediction
    sigma_data: float = 1.0
    learned_variance: bool = False
