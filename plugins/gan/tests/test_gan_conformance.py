"""The GAN does what genbench asks of every generator."""

from __future__ import annotations

from typing import ClassVar

from genbench.testing import GeneratorConformance


class TestGAN(GeneratorConformance):
    name = "gan"
    options: ClassVar = {"budget": "steps:4", "batch_size": 8, "generator_channels": 4, "discriminator_channels": 4}
