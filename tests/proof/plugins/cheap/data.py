"""A file of bytes as a data set: nothing is read before it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genbench import ArrayImages, Dataset, DataSpec, files_digest

if TYPE_CHECKING:
    from cheap import MappedOptions

SPEC = DataSpec(3, 64, 64)


def load(options: MappedOptions) -> Dataset:
    """The first images of the file, all in the split "train"; nothing is held out."""
    fingerprint = files_digest([options.root])
    images = np.memmap(options.root, np.uint8, "r", shape=(options.count, *SPEC.shape))
    return Dataset("mapped", SPEC, {"train": ArrayImages(fingerprint, images)}, fingerprint, (Path(options.root),))
