"""Options of the feature extractors, importable without torch. A value that cannot be meant raises ValueError."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PixelsOptions:
    """`size`: images are first resized to size x size (antialiased bilinear); 0 leaves them as they are."""

    size: int = 0

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size must be at least 1, or 0 to leave images as they are, not {self.size}")


@dataclass(frozen=True)
class InceptionOptions:
    """`weights` is the path of torch-fidelity's Inception-v3 state dict; empty means its own download."""

    weights: str = field(default="", metadata={"fingerprinted": True})
