"""One pass of an extractor over many images, in batches."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.interfaces.measuring import FeatureExtractor, Features


def extract(extractor: FeatureExtractor, images: Tensor, batch_size: int = 64) -> Features:
    """Features of uint8 images [N, C, H, W], on the CPU, in the order of the images.

    The batch size bounds memory and is no part of the result, up to floating-point rounding inside a network.
    Raises ValueError if the images are not uint8 [N, C, H, W] with N >= 1.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"features={extractor.name} needs at least one image, as uint8 [N, C, H, W];"
            f" got {images.dtype} {list(images.shape)}"
        )
    batches = [extractor.extract(batch) for batch in torch.split(images, batch_size)]
    logits = [batch.logits for batch in batches if batch.logits is not None]
    return Features(torch.cat([batch.features for batch in batches]), torch.cat(logits) if logits else None)
