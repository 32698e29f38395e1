"""A small digits classifier: 64 features and 10 logits, its weights shipped next to this file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.images import to_unit_range
from genbench.interfaces.measuring import FeatureExtractor

WEIGHTS = Path(__file__).with_name("digits.safetensors")
WEIGHTS_SHA256 = "61f700f8bc1163afcdc753c57ecd0fc7301b7b725f81ae126852fe1c5b7570ec"
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma of red, green and blue
SIZE = 8


class WeightsError(RuntimeError):
    """A weights file is missing, or is not the one it should be."""


class DigitsClassifier(nn.Module):
    """Three convolutions and two linear layers, 121,994 parameters.

    Every activation is SiLU: it has no flat half, so no feature dies and their covariance keeps its full rank, which
    Fréchet distances need.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(32, 64, 3, padding=1, stride=2),
            nn.SiLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, 64),
            nn.SiLU(),
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, 64] and logits [B, 10] of images [B, 1, 8, 8] in [-1, 1]."""
        features = self.body(images)
        return features, self.head(self.dropout(features))


class Digits(FeatureExtractor):
    """Penultimate activations [N, 64] and logits [N, 10] of the digits classifier, float32.

    Colour images become grey (ITU-R BT.601 luma); sizes other than 8x8 are resized by antialiased bilinear
    interpolation, in floating point and without rounding. Images that are already grey and 8x8 are left alone.
    Raises WeightsError if the weights are not the ones that were shipped, and ValueError for images with neither one
    nor three channels.
    """

    name = "digits"
    outputs = ("features", "logits")
    domain = "digits"

    def __init__(self, options: object = None) -> None:
        self.device = torch.device("cpu")
        self.network = DigitsClassifier().eval()
        self.network.load_state_dict(read_weights(WEIGHTS, WEIGHTS_SHA256))

    @classmethod
    def fingerprint(cls, options: object = None) -> str:
        """The SHA-256 that the weights were checked against."""
        return WEIGHTS_SHA256

    def to(self, device: torch.device) -> None:
        """Move the classifier there."""
        self.device = device
        self.network.to(device)

    @torch.no_grad()
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        """ "features" [N, 64] and "logits" [N, 10] of uint8 images [N, C, H, W], C = 1 or 3."""
        features, logits = self.network(to_grey_8x8(images.to(self.device)))
        return {"features": features.cpu(), "logits": logits.cpu()}


def to_grey_8x8(images: Tensor) -> Tensor:
    """uint8 images [N, C, H, W], C = 1 or 3 -> floats [N, 1, 8, 8] in [-1, 1]."""
    pixels = to_unit_range(images)
    if pixels.shape[1] == len(GREY):
        pixels = (pixels * pixels.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    if pixels.shape[1] != 1:
        raise ValueError(
            f"features=digits sees grey or RGB images, not {images.shape[1]} channels; try features=pixels"
        )
    if pixels.shape[2:] != (SIZE, SIZE):
        pixels = F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
    return pixels


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, after a look at its SHA-256; WeightsError if that differs."""
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing. Reinstall genbench, or make it: python -m genbench.features.digits_training"
        )
    content = path.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise WeightsError(
            f"{path} is damaged or was replaced: its SHA-256 is {actual}, expected {sha256}. Reinstall genbench; or, if"
            " you retrained the classifier, put the new value into WEIGHTS_SHA256."
        )
    return load_safetensors(content)
