"""The features of images given as a tensor, as a run extracts them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genbench.images import ArrayImages
from genbench.interfaces.measuring import FeatureExtractor
from genbench.measuring.extraction import extract_batch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def extracted() -> Callable[..., dict[str, Tensor]]:
    """`extracted(extractor, images, batch_size)`: every output of all images, by name."""

    def extract(extractor: FeatureExtractor, images: Tensor, batch_size: int = 64) -> dict[str, Tensor]:
        collection = ArrayImages("images", images)
        batches = [extract_batch(extractor, collection, i, batch_size) for i in range(0, len(images), batch_size)]
        return {name: torch.cat([batch[name] for batch in batches]) for name in extractor.outputs}

    return extract
