"""Decodes noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from genbench import DataSpec, DrawSpec, Generator, Runner, SampleRequest, Schedule, StagePlan, StageState
from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.stages import AUTOENCODER, kl_plan
from genbench.drawing.noise import normal

if TYPE_CHECKING:
    from late import LateOptions


class LateRunner(Runner):
    """Latents from their prior."""

    def __init__(self, autoencoder: KLAutoencoder, draw: DrawSpec) -> None:
        self.autoencoder, self.dtype = autoencoder.to(draw.device, draw.dtype), draw.dtype
        self.networks = {"decoder": autoencoder.decoder}

    def run(self, request: SampleRequest) -> Tensor:
        return self.autoencoder.decode(normal(request.keys, 0, self.autoencoder.latent_shape, self.dtype)).clamp(-1, 1)


class Late(Generator):
    """The model "late"."""

    def __init__(self, config: LateOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.autoencoder = KLAutoencoder(data.shape, config.autoencoder)

    @classmethod
    def plan(cls, config: LateOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        return (kl_plan(config.autoencoder),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.autoencoder.load_state_dict(state[AUTOENCODER][AUTOENCODER])

    def prepare(self, draw: DrawSpec) -> Runner:
        return LateRunner(self.autoencoder, draw)
