"""Pixels as features, counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from genbench import FeatureExtractor
from nocost.moments import passed


class Counted(FeatureExtractor):
    """The pixels themselves."""

    name = "counted"

    def __init__(self, options: Any) -> None:
        pass

    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        passed("extract", len(images))
        return {"features": images.flatten(1).float() / 255}
