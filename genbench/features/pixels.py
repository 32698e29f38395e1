"""Pixels as features: no network, so nothing to trust but the images themselves."""

from __future__ import annotations

from torch import Tensor

from genbench.images import to_unit_range
from genbench.interfaces.measuring import FeatureExtractor, Features
from genbench.registry.entries import NoOptions


class Pixels(FeatureExtractor):
    """Features are the pixels flattened in (channel, row, column) order and scaled to [-1, 1]: float32 [N, C H W].

    There are no logits. Fréchet distances grow with the square of the range: in [0, 1] they would be a quarter.
    """

    name = "pixels"
    fingerprint = "pixels: [-1, 1], float32, flattened CHW, no resizing"

    def __init__(self, options: NoOptions) -> None:
        pass

    def extract(self, images: Tensor) -> Features:
        """For uint8 images [N, C, H, W]."""
        return Features(to_unit_range(images).flatten(1))
