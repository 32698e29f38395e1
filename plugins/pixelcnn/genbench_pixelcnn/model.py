"""The PixelCNN as a genbench Generator: training, exact likelihood, drawing."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from genbench import (
    Batch,
    Budget,
    DataSpec,
    DrawSpec,
    Generator,
    LearningRate,
    LogProb,
    RasterSampler,
    Schedule,
    Stage,
    StagePlan,
    StageSpec,
    StageState,
    Update,
    to_unit_range,
)
from genbench.autoregressive.drawing import SequenceRunner
from genbench.autoregressive.levels import from_levels, to_levels
from genbench.autoregressive.predictors import FullPredictor, Predictor, label_of
from genbench.autoregressive.sequences import pixels
from genbench_pixelcnn.incremental import IncrementalPixelCNN
from genbench_pixelcnn.network import GatedPixelCNN
from genbench_pixelcnn.options import PixelCNNOptions

STAGE, NETWORK = "pixelcnn", "network"
LIKELIHOOD_BATCH = 256
LIKELIHOOD_LOGITS = 2**23
"""Logits of a batch of images whose likelihood is asked for, at most: 64 MB each time they are copied."""


class Likelihood(Stage):
    """Maximum likelihood: the mean cross-entropy of a value."""

    def __init__(
        self, options: PixelCNNOptions, data: DataSpec, schedule: Schedule | None, before: Mapping[str, Stage]
    ) -> None:
        self.options, self.levels = options, data.levels
        self.network = GatedPixelCNN(options, data)

    @classmethod
    def spec(cls, options: PixelCNNOptions) -> StageSpec:
        return StageSpec(
            Budget.parse(options.budget),
            options.batch_size,
            ema=options.ema,
            warmup_steps=options.warmup_steps,
            learning_rate=LearningRate.COSINE,
        )

    def modules(self) -> Mapping[str, nn.Module]:
        return {NETWORK: self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        options = self.options
        return {
            NETWORK: AdamW(
                self.network.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=True
            )
        }

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        values = to_levels(batch.images, self.levels)
        nats = cross_entropy(self.network, values, label_of(batch.conditions)).mean()
        update(nats, NETWORK)
        return {"bits_per_dim": nats.detach() / math.log(2)}


class PixelCNN(Generator):
    """p(image) as the product, in raster order, of a softmax over the levels of each value given the ones before."""

    def __init__(self, config: PixelCNNOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.data = data
        self.network = GatedPixelCNN(config, data)

    @classmethod
    def unsupported(
        cls, config: PixelCNNOptions, data: DataSpec, draw: DrawSpec, schedule: Schedule | None
    ) -> str | None:
        if draw.sampler.family != "raster":
            return f"pixelcnn draws pixel after pixel and knows no '{draw.sampler.family}' sampler; use sampler=raster"
        if draw.guidance is not None:
            return "pixelcnn has one prediction for each value, so there is nothing to guide; use guidance=none"
        if unknown := sorted(set(data.condition_names) - {"label"}):
            return f"pixelcnn cannot follow the condition '{unknown[0]}'; use task=unconditional or class_conditional"
        return None

    @classmethod
    def plan(cls, config: PixelCNNOptions, data: DataSpec) -> tuple[StagePlan, ...]:
        return (StagePlan(STAGE, Likelihood, schedule=False),)

    def load_state(self, state: Mapping[str, StageState]) -> None:
        self.network.load_state_dict(state[STAGE][NETWORK])

    def prepare(self, draw: DrawSpec) -> SequenceRunner:
        network = copy.deepcopy(self.network).to(draw.device, draw.dtype).eval().requires_grad_(False)
        _, height, width = self.data.shape
        predictor: Predictor
        if cast(RasterSampler, draw.sampler).cached:
            predictor = IncrementalPixelCNN(network, draw.batch_size, height, width)
        else:
            predictor = FullPredictor(network, pixels(*self.data.shape), self.data.levels)
        decode = partial(from_levels, levels=self.data.levels, dtype=draw.dtype)
        return SequenceRunner("pixelcnn", predictor, draw, decode)

    @torch.inference_mode()
    def log_prob(self, images: Tensor) -> LogProb:
        """For uint8 images [N, C, H, W], in float64; of a class-conditional model, with all classes equally likely."""
        network = copy.deepcopy(self.network).double().eval()
        device = network.hidden.weight.device
        logits = math.prod(self.data.shape) * self.data.levels
        size = max(1, min(LIKELIHOOD_BATCH, LIKELIHOOD_LOGITS // logits))
        nats = [_log_prob(network, part.to(device), self.data) for part in torch.split(images, size)]
        return LogProb(torch.cat(nats).cpu(), self.data.levels, exact=True)


def cross_entropy(network: GatedPixelCNN, values: Tensor, label: Tensor | None) -> Tensor:
    """-log p in nats of every value given those before it: level indices [B, C, H, W] -> [B, C, H, W]."""
    return F.cross_entropy(network(values, label), values, reduction="none")


def _log_prob(network: GatedPixelCNN, images: Tensor, data: DataSpec) -> Tensor:
    """float64 [N]: of uint8 images [N, C, H, W]."""
    values = to_levels(to_unit_range(images, torch.float64), data.levels)
    if "label" not in data.condition_names:
        return -cross_entropy(network, values, None).flatten(1).sum(1)
    labels = [values.new_full((len(values),), k) for k in range(len(data.classes))]
    by_class = [-cross_entropy(network, values, label).flatten(1).sum(1) for label in labels]
    return torch.stack(by_class).logsumexp(0) - math.log(len(labels))
