"""A model for captions: an image for each word, summed, and a little noise."""

from __future__ import annotations

import math
import zlib
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
)
from genbench.drawing.noise import normal

if TYPE_CHECKING:
    from genbench_proof import ModelOptions

WORDS = 101
"""Entries of the vocabulary: words are hashed."""


class Reader(nn.Module):
    """How often each word stands in a caption [B, WORDS] -> images [B, C, H, W], about in [-1, 1]."""

    def __init__(self, data: DataSpec) -> None:
        super().__init__()
        self.shape = data.shape
        self.words = nn.Linear(WORDS, math.prod(data.shape))

    def forward(self, words: Tensor) -> Tensor:
        images: Tensor = self.words(words)
        return images.view(-1, *self.shape)


def counted(captions: Column) -> Tensor:
    """How often each word stands in each caption: float32 [B, WORDS] on the host. Raises TypeError for other things
    than texts.
    """
    if isinstance(captions, Tensor) or not all(isinstance(caption, str) for caption in captions):
        raise TypeError(f"captions stay texts on the host until a model encodes them, not {type(captions).__name__}")
    counts = torch.zeros(len(captions), WORDS)
    for i, caption in enumerate(captions):
        for word in str(caption).split():
            counts[i, zlib.crc32(word.encode()) % WORDS] += 1
    return counts


class PainterStage(Stage):
    """Regress images on their words."""

    def __init__(
        self, options: ModelOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options, self.reader = options, Reader(data)

    @classmethod
    def spec(cls, options: ModelOptions) -> StageSpec:
        return StageSpec(Budget.parse(options.budget), options.batch_size)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"reader": self.reader}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": Adam(self.reader.parameters(), self.options.learning_rate)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        words = counted(batch.conditions["caption"]).to(batch.images)
        loss = (self.reader(words) - batch.images).square().mean()
        update(loss, "adam")
        return {"loss": loss.detach()}


class PainterRunner(Runner):
    """Read the captions, then add keyed noise."""

    def __init__(self, reader: Reader, draw: DrawSpec) -> None:
        self.reader, self.draw = reader.to(draw.device, draw.dtype), draw
        self.networks = {"reader": self.reader}

    def run(self, request: SampleRequest) -> Tensor:
        words = counted(request.conditions["caption"]).to(self.draw.device, self.draw.dtype)
        images: Tensor = self.reader(words)
        return (images + 0.05 * normal(request.keys, 0, self.reader.shape, self.draw.dtype)).clamp(-1, 1)


class Painter(Generator):
    """The model "painter"."""

    def __init__(self, config: ModelOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.reader = Reader(data)

    @classmethod
    def unsupported(cls, config: ModelOptions, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
        return None if data.condition_names == ("caption",) else "painter draws what captions say: task=captions"

    @classmethod
    def plan(cls, config: ModelOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan("reading", PainterStage),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.reader.load_state_dict(state["reading"]["reader"])

    def prepare(self, draw: DrawSpec) -> Runner:
        return PainterRunner(self.reader, draw)
