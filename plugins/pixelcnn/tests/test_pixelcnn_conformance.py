"""The PixelCNN does what genbench asks of every generator."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from genbench.testing import COLOUR, GREY, LABELLED, GeneratorConformance


class TestPixelCNN(GeneratorConformance):
    name = "pixelcnn"
    options: ClassVar = {"budget": "steps:4", "batch_size": 8, "width": 4, "layers": 2}
    data = (GREY, LABELLED, replace(COLOUR, height=4, width=6, levels=32))
    discrete = True
