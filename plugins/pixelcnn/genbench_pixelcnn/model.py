"""The PixelCNN as a genbench Generator: training, exact likelihood, drawing."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from genbench import (
    Batch,
    DataSpec,
    DrawSpec,
    Generator,
    Guidance,
    LearningRate,
    LogProb,
    Runner,
    Sampler,
    Schedule,
    Stage,
    StageSpec,
    TrainingView,
    Update,
    to_unit_range,
)
from genbench.autoregressive.drawing import FullPredictor, Predictor, RasterRunner
from genbench.autoregressive.levels import to_levels
from genbench.autoregressive.samplers import Raster
from genbench_pixelcnn.incremental import IncrementalPixelCNN
from genbench_pixelcnn.network import GatedPixelCNN
from genbench_pixelcnn.options import PixelCNNOptions

LIKELIHOOD_BATCH = 256


class PixelCNN(Generator):
    """p(image) as the product, in raster order, of a softmax over the levels of each value given the ones before."""

    def __init__(self, config: PixelCNNOptions, data: DataSpec, schedule: Schedule | None) -> None:
        self.config, self.data = config, data
        self.network = GatedPixelCNN(config, data)

    @classmethod
    def unsupported(
        cls, config: PixelCNNOptions, data: DataSpec, sampler: Sampler, guidance: Guidance | None
    ) -> str | None:
        if not isinstance(sampler, Raster):
            return f"pixelcnn draws pixel after pixel and knows no '{sampler.family}' sampler; use sampler=raster"
        if guidance is not None:
            return "pixelcnn has one prediction for each value, so there is nothing to guide; use guidance=none"
        if unknown := sorted(set(data.conditions) - {"label"}):
            return f"pixelcnn cannot follow the condition '{unknown[0]}'; use task=unconditional or class_conditional"
        return None

    def stages(self, train: TrainingView) -> Iterable[Stage]:
        return [_Likelihood(self)]

    def state(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    def prepare(self, draw: DrawSpec) -> Runner:
        sampler = draw.sampler
        assert isinstance(sampler, Raster), "unsupported() was not asked"
        network = copy.deepcopy(self.network).to(draw.device, draw.dtype).eval().requires_grad_(False)
        predictor: Predictor = FullPredictor(network)
        if sampler.cached:
            predictor = IncrementalPixelCNN(network, draw.batch_size, self.data.width)
        return RasterRunner("pixelcnn", predictor, self.data, draw, sampler.temperature)

    @torch.inference_mode()
    def log_prob(self, images: Tensor) -> LogProb:
        """For uint8 images [N, C, H, W], in float64; of a class-conditional model, with all classes equally likely."""
        network = copy.deepcopy(self.network).double().eval()
        device = network.logits.weight.device
        nats = [_log_prob(network, part.to(device), self.data) for part in torch.split(images, LIKELIHOOD_BATCH)]
        return LogProb(torch.cat(nats).cpu(), self.data.levels, exact=True)


class _Likelihood(Stage):
    """Maximum likelihood: the mean cross-entropy of a value."""

    def __init__(self, model: PixelCNN) -> None:
        self.model, config = model, model.config
        self.spec = StageSpec(
            name="pixelcnn",
            steps=config.steps,
            batch_size=config.batch_size,
            ema=config.ema,
            warmup_steps=config.warmup_steps,
            learning_rate=LearningRate.COSINE,
        )

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.model.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        config = self.model.config
        parameters = self.model.network.parameters()
        return {"network": AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay, fused=True)}

    def step(self, batch: Batch, update: Update) -> Mapping[str, Tensor]:
        canvas = to_levels(batch.images, self.model.data.levels)
        nats = cross_entropy(self.model.network, canvas, batch.conditions.get("label")).mean()
        update(nats, "network")
        return {"bits_per_dim": nats.detach() / math.log(2)}


def cross_entropy(network: GatedPixelCNN, canvas: Tensor, label: Tensor | None) -> Tensor:
    """-log p in nats of every value given those before it: level indices [B, C, H, W] -> [B, C, H, W]."""
    return F.cross_entropy(network(canvas, label).transpose(1, 2), canvas, reduction="none")


def _log_prob(network: GatedPixelCNN, images: Tensor, data: DataSpec) -> Tensor:
    """float64 [N]: of uint8 images [N, C, H, W]."""
    canvas = to_levels(to_unit_range(images, torch.float64), data.levels)
    if "label" not in data.conditions:
        return -cross_entropy(network, canvas, None).flatten(1).sum(1)
    labels = [canvas.new_full((len(canvas),), k) for k in range(len(data.classes))]
    by_class = [-cross_entropy(network, canvas, label).flatten(1).sum(1) for label in labels]
    return torch.stack(by_class).logsumexp(0) - math.log(len(labels))
