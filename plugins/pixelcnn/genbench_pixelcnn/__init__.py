"""A gated PixelCNN for genbench: exact likelihood, cached sampling."""

from __future__ import annotations

from genbench import Registry, hookimpl
from genbench_pixelcnn.options import PixelCNNOptions


@hookimpl
def genbench_register(registry: Registry) -> None:
    """Add the model and its presets."""
    registry.model(
        "pixelcnn",
        "genbench_pixelcnn.model:PixelCNN",
        PixelCNNOptions,
        summary="Gated PixelCNN (arXiv 1606.05328): a softmax over the levels of one value after another",
        sampler="raster",
    )
    registry.configs("genbench_pixelcnn.conf")
