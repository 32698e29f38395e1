"""The options of the PixelCNN."""

from __future__ import annotations

from dataclasses import dataclass

from genbench import Budget


@dataclass
class PixelCNNOptions:
    """A network of `layers` gated layers with `width` features per colour channel in each stack and an odd `kernel`, on
    intensities embedded in `embedding` dimensions, with `dropout` on what the horizontal stack adds; AdamW with warm-up
    and cosine decay to 0, averaged weights (`ema`), for `budget` ("steps:N" or "images:N").
    """

    width: int = 16
    embedding: int = 8
    layers: int = 3
    kernel: int = 3
    dropout: float = 0.15
    budget: str = "steps:1500"
    batch_size: int = 32
    learning_rate: float = 0.015
    weight_decay: float = 0.2
    warmup_steps: int = 50
    ema: float = 0.99

    def __post_init__(self) -> None:
        Budget.parse(self.budget)
        for name in ("width", "embedding", "layers", "kernel", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, so that it has a middle, not {self.kernel}")
        for name in ("dropout", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)}")
