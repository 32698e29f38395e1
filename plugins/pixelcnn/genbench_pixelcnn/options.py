"""The options of the PixelCNN."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PixelCNNOptions:
    """Network: `width` features per colour channel in each stack, `layers` gated layers, odd `kernel`, `dropout` on
    the gated features of the horizontal stack. Training: AdamW with cosine decay.
    """

    width: int = 24
    layers: int = 4
    kernel: int = 3
    dropout: float = 0.0
    steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    ema: float = 0.99
