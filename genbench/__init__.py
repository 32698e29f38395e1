"""genbench: which generative image model is better, at what, how sure are we, and what does an image cost?

The public API for plugin authors, exported lazily (PEP 562): importing genbench imports no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

EXPORTS: dict[str, str] = {
    "hookimpl": "genbench.hookspecs",
    "Registry": "genbench.registry",
    **dict.fromkeys(
        (
            "Batch",
            "DataSpec",
            "Dataset",
            "Direction",
            "DrawSpec",
            "FeatureExtractor",
            "Features",
            "Generator",
            "Grid",
            "Guidance",
            "HasLikelihood",
            "LearningRate",
            "LogProb",
            "Measurement",
            "Metric",
            "Runner",
            "SampleRequest",
            "Sampler",
            "Schedule",
            "Split",
            "Stage",
            "StageSpec",
            "TrainingView",
            "Update",
            "to_bytes",
            "to_unit_range",
        ),
        "genbench.interfaces",
    ),
}

__all__ = ["EXPORTS", *EXPORTS]


def __getattr__(name: str) -> Any:
    if module := EXPORTS.get(name):
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'genbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
