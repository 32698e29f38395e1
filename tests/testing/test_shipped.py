"""Everything that genbench itself brings goes through the suite of its kind."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genbench.testing
from genbench.discovery.plugins import load_plugins
from genbench.registry.kinds import KINDS
from genbench.registry.registrar import CORE
from genbench.testing.suite import Suite

LEFT_OUT = {
    ("dataset", "mnist"): "70,000 images, which nobody has here; tests/data reads files of its form",
    ("dataset", "cifar10"): "60,000 images, which nobody has here; tests/data reads files of its form",
    ("features", "inception"): "weights that are downloaded; tests/features gives it others",
    ("tracking", "wandb"): "ten seconds of offline runs; tests/tracking reads what it writes",
}


def pictures(folder: Path, variant: int) -> Mapping[str, Any]:
    """A dozen images in two classes."""
    random = np.random.RandomState(variant)
    for i in range(12):
        path = folder / ("dark", "bright")[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.randint(0, 256, (4, 6, 3), np.uint8)).save(path)
    return {"root": str(folder), "held_out": 4}


def zipped(folder: Path, variant: int) -> Mapping[str, Any]:
    """The same in a zip."""
    options = pictures(folder, variant)
    shutil.make_archive(str(folder / "pictures"), "zip", folder)
    return {**options, "root": str(folder / "pictures.zip")}


WITH: dict[tuple[str, str], dict[str, Any]] = {
    ("dataset", "image_folder"): {"files": staticmethod(pictures)},
    ("dataset", "image_zip"): {"files": staticmethod(zipped)},
}


def suite_of(kind: str) -> type[Suite]:
    suite: type[Suite] = getattr(genbench.testing, KINDS[kind].suite.partition(":")[2])
    return suite


for entry in load_plugins().registry:
    place = entry.kind, entry.name
    if entry.provider == CORE and place not in LEFT_OUT:
        title = f"Test_{entry.kind}_{entry.name}"
        attributes = {"name": entry.name, "test_it_and_its_presets_compose": None, **WITH.get(place, {})}
        globals()[title] = type(title, (suite_of(entry.kind),), attributes)  # tests/config composes them


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_suite(kind: str) -> None:
    assert suite_of(kind).kind == kind
