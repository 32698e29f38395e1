"""Grey tiles, brighter towards one side, whose captions say how bright they are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from genbench import ArrayImages, Dataset, DataSpec

if TYPE_CHECKING:
    from genbench_proof import TilesOptions

SIZE = 8
SHADES = {"dark": 50, "grey": 128, "bright": 205}
"""Word -> the mean of such a tile."""


def load(options: TilesOptions) -> Dataset:
    """uint8 images [N, 1, 8, 8] with the column "caption", in the splits "train" and "held_out"."""
    random = np.random.RandomState(0)
    count = options.train + options.held_out
    words = [list(SHADES)[i] for i in random.randint(len(SHADES), size=count)]
    slope = np.linspace(-30, 30, SIZE) * random.choice([-1, 1], size=(count, 1, 1, 1))
    level = np.array([SHADES[word] for word in words])[:, None, None, None]
    images = np.rint(level + slope + random.normal(0, 3, (count, 1, SIZE, SIZE))).clip(0, 255).astype(np.uint8)
    captions = [f"a {word} tile" for word in words]
    fingerprint = hashlib.sha256(images.tobytes() + "".join(captions).encode()).hexdigest()[:16]
    splits = {
        name: ArrayImages(f"{fingerprint}-{name}", images[part], {"caption": captions[part]})
        for name, part in (("train", slice(options.train)), ("held_out", slice(options.train, count)))
    }
    return Dataset("tiles", DataSpec(1, SIZE, SIZE), splits, fingerprint)
