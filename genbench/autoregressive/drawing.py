"""Drawing a sequence position after position with keyed noise, whatever predicts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from genbench.autoregressive.predictors import Predictor
from genbench.autoregressive.sequences import Known
from genbench.interfaces.data import Column
from genbench.interfaces.drawing import DrawSpec, Runner, SampleRequest
from genbench.interfaces.sampling import RasterSampler


class SequenceRunner(Runner):
    """Draws the predictor's sequence with a sampler of the family "raster", and decodes it to images.

    `decode` turns int64 values [B, *shape] into float images [B, C, H, W] in [-1, 1]; `networks` are those that it
    calls, by name. `known` says which values a request's conditions give beforehand.
    """

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        draw: DrawSpec,
        decode: Callable[[Tensor], Tensor],
        networks: Mapping[str, nn.Module] | None = None,
        known: Callable[[Mapping[str, Column]], Known | None] = lambda conditions: None,
    ) -> None:
        self.networks = {name: predictor, **(networks or {})}
        self.predictor, self.decode, self.known = predictor, decode, known
        self.batch_size, self.dtype, self.device = draw.batch_size, draw.dtype, draw.device
        self.temperature = cast(RasterSampler, draw.sampler).temperature

    @torch.inference_mode()
    def run(self, request: SampleRequest) -> Tensor:
        if len(request.keys) != self.batch_size:
            raise ValueError(f"prepared for batches of {self.batch_size} images, asked for {len(request.keys)}")
        sequence, predictor = self.predictor.sequence, self.predictor
        values = torch.zeros(self.batch_size, *sequence.shape, dtype=torch.int64, device=self.device)
        known = self.known(request.conditions)
        predictor.begin(request.conditions)
        for chunk, start in enumerate(range(0, len(sequence), sequence.chunk)):
            places = sequence.places[start : start + sequence.chunk]
            noise = predictor.noise(request.keys, chunk, len(places), self.dtype).mul_(self.temperature)
            for position, (place, of_position) in enumerate(zip(places, noise.unbind(1), strict=True), start):
                index = (slice(None), *place)
                drawn = predictor(values, position, of_position)
                values[index] = drawn if known is None else known.over(drawn, index)
        return self.decode(values)
