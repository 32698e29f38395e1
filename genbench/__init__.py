"""genbench: which generative image model is better, at what, how sure are we, and what does an image cost?

The public API for plugin authors, exported lazily (PEP 562): importing genbench imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names again, for type checkers and editors; tests/test_layering.py compares the two
    from genbench.hookspecs import hookimpl as hookimpl
    from genbench.interfaces import Batch as Batch
    from genbench.interfaces import Dataset as Dataset
    from genbench.interfaces import DataSpec as DataSpec
    from genbench.interfaces import Direction as Direction
    from genbench.interfaces import DrawSpec as DrawSpec
    from genbench.interfaces import FeatureExtractor as FeatureExtractor
    from genbench.interfaces import Features as Features
    from genbench.interfaces import Generator as Generator
    from genbench.interfaces import Grid as Grid
    from genbench.interfaces import Guidance as Guidance
    from genbench.interfaces import HasLikelihood as HasLikelihood
    from genbench.interfaces import LearningRate as LearningRate
    from genbench.interfaces import LogProb as LogProb
    from genbench.interfaces import Measurement as Measurement
    from genbench.interfaces import Metric as Metric
    from genbench.interfaces import Runner as Runner
    from genbench.interfaces import Sampler as Sampler
    from genbench.interfaces import SampleRequest as SampleRequest
    from genbench.interfaces import Schedule as Schedule
    from genbench.interfaces import Split as Split
    from genbench.interfaces import Stage as Stage
    from genbench.interfaces import StageSpec as StageSpec
    from genbench.interfaces import TrainingView as TrainingView
    from genbench.interfaces import Update as Update
    from genbench.interfaces import to_bytes as to_bytes
    from genbench.interfaces import to_unit_range as to_unit_range
    from genbench.registry import NoOptions as NoOptions
    from genbench.registry import Registry as Registry

_OF_INTERFACES = (
    "Batch DataSpec Dataset Direction DrawSpec FeatureExtractor Features Generator Grid Guidance HasLikelihood"
    " LearningRate LogProb Measurement Metric Runner SampleRequest Sampler Schedule Split Stage StageSpec"
    " TrainingView Update to_bytes to_unit_range"
)

EXPORTS: dict[str, str] = {
    "hookimpl": "genbench.hookspecs",
    "NoOptions": "genbench.registry",
    "Registry": "genbench.registry",
    **dict.fromkeys(_OF_INTERFACES.split(), "genbench.interfaces"),
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if module := EXPORTS.get(name):
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'genbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(EXPORTS)
