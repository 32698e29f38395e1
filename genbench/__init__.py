"""genbench: which generative image model is better, at what, how sure are we, and what does an image cost?

The public API for plugin authors, exported lazily (PEP 562): importing genbench imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names again, for type checkers and editors; tests/test_layering.py compares the two
    from genbench.images import to_bytes as to_bytes
    from genbench.images import to_unit_range as to_unit_range
    from genbench.interfaces.data import Dataset as Dataset
    from genbench.interfaces.data import DataSpec as DataSpec
    from genbench.interfaces.data import Split as Split
    from genbench.interfaces.drawing import DrawSpec as DrawSpec
    from genbench.interfaces.drawing import Generator as Generator
    from genbench.interfaces.drawing import Grid as Grid
    from genbench.interfaces.drawing import Guidance as Guidance
    from genbench.interfaces.drawing import HasLikelihood as HasLikelihood
    from genbench.interfaces.drawing import LogProb as LogProb
    from genbench.interfaces.drawing import Runner as Runner
    from genbench.interfaces.drawing import Sampler as Sampler
    from genbench.interfaces.drawing import SampleRequest as SampleRequest
    from genbench.interfaces.drawing import Schedule as Schedule
    from genbench.interfaces.measurement import Direction as Direction
    from genbench.interfaces.measurement import Measurement as Measurement
    from genbench.interfaces.measuring import FeatureExtractor as FeatureExtractor
    from genbench.interfaces.measuring import Features as Features
    from genbench.interfaces.measuring import Metric as Metric
    from genbench.interfaces.training import Batch as Batch
    from genbench.interfaces.training import LearningRate as LearningRate
    from genbench.interfaces.training import Stage as Stage
    from genbench.interfaces.training import StageSpec as StageSpec
    from genbench.interfaces.training import TrainingView as TrainingView
    from genbench.interfaces.training import Update as Update
    from genbench.registry.entries import NoOptions as NoOptions
    from genbench.registry.entries import Registry as Registry
    from genbench.registry.hooks import hookimpl as hookimpl

EXPORTS: dict[str, str] = {
    **dict.fromkeys(["to_bytes", "to_unit_range"], "genbench.images"),
    **dict.fromkeys(["DataSpec", "Dataset", "Split"], "genbench.interfaces.data"),
    **dict.fromkeys(
        [
            "DrawSpec",
            "Generator",
            "Grid",
            "Guidance",
            "HasLikelihood",
            "LogProb",
            "Runner",
            "SampleRequest",
            "Sampler",
            "Schedule",
        ],
        "genbench.interfaces.drawing",
    ),
    **dict.fromkeys(["Direction", "Measurement"], "genbench.interfaces.measurement"),
    **dict.fromkeys(["FeatureExtractor", "Features", "Metric"], "genbench.interfaces.measuring"),
    **dict.fromkeys(
        ["Batch", "LearningRate", "Stage", "StageSpec", "TrainingView", "Update"], "genbench.interfaces.training"
    ),
    **dict.fromkeys(["NoOptions", "Registry"], "genbench.registry.entries"),
    **dict.fromkeys(["hookimpl"], "genbench.registry.hooks"),
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if module := EXPORTS.get(name):
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'genbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(EXPORTS)
