"""A model for inpainting: one linear map from the known pixels and the mask to the whole image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench import (
    Batch,
    Budget,
    Column,
    DataSpec,
    DrawSpec,
    Generator,
    Runner,
    SampleRequest,
    Schedule,
    Stage,
    StagePlan,
    StageSpec,
    StageState,
    Update,
    to_unit_range,
)

if TYPE_CHECKING:
    from genbench_proof import ModelOptions


class Filling(nn.Module):
    """Known pixels [B, C, H, W] in [-1, 1], 0 where hidden, and the mask [B, 1, H, W] -> images, about in [-1, 1]."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        size = math.prod(data.shape)
        self.linear = nn.Linear(size + data.height * data.width, size)

    def forward(self, known: Tensor, hidden: Tensor) -> Tensor:
        images: Tensor = self.linear(torch.cat([known.flatten(1), hidden.flatten(1)], dim=1))
        return images.view_as(known)


def seen(conditions: Mapping[str, Column], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """What a network is shown of a task's conditions: known pixels in [-1, 1], 0 where hidden; the mask as numbers."""
    known, hidden = torch.as_tensor(conditions["known"]), torch.as_tensor(conditions["hidden"])
    return to_unit_range(known, dtype) * ~hidden, hidden.to(dtype)


class FillerStage(Stage):
    """Regress the hidden pixels on the others."""

    def __init__(
        self, options: ModelOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options, self.network = options, Filling(data)

    @classmethod
    def spec(cls, options: ModelOptions) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), options.batch_size)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": Adam(self.network.parameters(), self.options.learning_rate)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        known, hidden = seen(batch.conditions, batch.images.dtype)
        loss = ((self.network(known, hidden) - batch.images) * hidden).square().sum() / hidden.sum()
        update(loss, "adam")
        return {"loss": loss.detach()}


class FillerRunner(Runner):
    """Fill the hole, and paste the known pixels over what was drawn."""

    def __init__(self, network: Filling, draw: DrawSpec) -> None:
        self.networks, self.draw = {"network": network.to(draw.device, draw.dtype)}, draw

    def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
        known, hidden = seen(request.conditions, self.draw.dtype)
        filled: Tensor = self.networks["network"](known, hidden).clamp(-1, 1)
        pasted = torch.where(hidden > 0, filled, known)
        return {"images": pasted, "before pasting": filled} if self.draw.extras else pasted


class Filler(Generator):
    """The model "filler"."""

    def __init__(self, config: ModelOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.network = Filling(data)

    @classmethod
    def unsupported(cls, config: ModelOptions, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        return None if set(data.condition_names) == {"known", "hidden"} else "filler fills holes: task=inpainting"

    @classmethod
    def plan(cls, config: ModelOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan("filling", FillerStage),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(state["filling"]["network"])

    def prepare(self, draw: DrawSpec) -> Runner:
        return FillerRunner(self.network, draw)
