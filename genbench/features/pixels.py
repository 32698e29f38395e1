"""Pixels as features: no network, so nothing to trust but the images themselves."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from genbench.features.options import PixelsOptions
from genbench.images import to_unit_range
from genbench.interfaces.measuring import FeatureExtractor


class Pixels(FeatureExtractor):
    """Features are the pixels flattened in (channel, row, column) order and scaled to [-1, 1]: float32 [N, C H W].

    With `size`, images of other sizes are first resized to size x size by antialiased bilinear interpolation, in
    floating point and without rounding. Fréchet distances grow with the square of the range: in [0, 1] they would be a
    quarter.
    """

    name = "pixels"

    def __init__(self, options: PixelsOptions | None = None) -> None:
        self.size = (options or PixelsOptions()).size

    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        """ "features" of uint8 images [N, C, H, W]."""
        pixels = to_unit_range(images)
        size = (self.size, self.size)
        if self.size and pixels.shape[2:] != size:
            pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False)
        return {"features": pixels.flatten(1)}
