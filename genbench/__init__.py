"""genbench: which generative image model is better, at what, how sure are we, and what does an image cost?

The public API, exported lazily (PEP 562): importing genbench imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names again, for type checkers and editors; tests/test_layering.py compares the two
    from genbench.config.api import dataset as dataset
    from genbench.config.api import evaluate as evaluate
    from genbench.config.api import run as run
    from genbench.config.mistakes import MistakeError as MistakeError
    from genbench.images import ArrayImages as ArrayImages
    from genbench.images import to_bytes as to_bytes
    from genbench.images import to_unit_range as to_unit_range
    from genbench.interfaces.budget import Budget as Budget
    from genbench.interfaces.data import Column as Column
    from genbench.interfaces.data import ConditionKind as ConditionKind
    from genbench.interfaces.data import ConditionSpec as ConditionSpec
    from genbench.interfaces.data import Dataset as Dataset
    from genbench.interfaces.data import DataSpec as DataSpec
    from genbench.interfaces.data import ImageSet as ImageSet
    from genbench.interfaces.drawing import DrawSpec as DrawSpec
    from genbench.interfaces.drawing import Generator as Generator
    from genbench.interfaces.drawing import HasLikelihood as HasLikelihood
    from genbench.interfaces.drawing import LogProb as LogProb
    from genbench.interfaces.drawing import Runner as Runner
    from genbench.interfaces.drawing import SampleRequest as SampleRequest
    from genbench.interfaces.measurement import MARKS as MARKS
    from genbench.interfaces.measurement import MeasureInfo as MeasureInfo
    from genbench.interfaces.measurement import Measurement as Measurement
    from genbench.interfaces.measuring import Evidence as Evidence
    from genbench.interfaces.measuring import FeatureExtractor as FeatureExtractor
    from genbench.interfaces.measuring import Metric as Metric
    from genbench.interfaces.measuring import Score as Score
    from genbench.interfaces.measuring import UndeclaredReadError as UndeclaredReadError
    from genbench.interfaces.sampling import DiffusionSampler as DiffusionSampler
    from genbench.interfaces.sampling import Grid as Grid
    from genbench.interfaces.sampling import Guidance as Guidance
    from genbench.interfaces.sampling import Level as Level
    from genbench.interfaces.sampling import OneShotSampler as OneShotSampler
    from genbench.interfaces.sampling import RasterSampler as RasterSampler
    from genbench.interfaces.sampling import Sampler as Sampler
    from genbench.interfaces.sampling import Schedule as Schedule
    from genbench.interfaces.tasks import Examples as Examples
    from genbench.interfaces.tasks import Task as Task
    from genbench.interfaces.training import Batch as Batch
    from genbench.interfaces.training import LearningRate as LearningRate
    from genbench.interfaces.training import Stage as Stage
    from genbench.interfaces.training import StagePlan as StagePlan
    from genbench.interfaces.training import StageSpec as StageSpec
    from genbench.interfaces.training import StageState as StageState
    from genbench.interfaces.training import TrainingView as TrainingView
    from genbench.interfaces.training import Update as Update
    from genbench.registry.code import files_digest as files_digest
    from genbench.registry.entries import NoOptions as NoOptions
    from genbench.registry.hooks import hookimpl as hookimpl
    from genbench.registry.registrar import Registrar as Registrar
    from genbench.registry.registrar import Registry as Registry
    from genbench.reports.loaded import LoadedSweep as LoadedSweep
    from genbench.reports.loaded import load as load
    from genbench.store.records import RunRecord as RunRecord
    from genbench.store.sweeps import Sweep as Sweep
    from genbench.tracking.tracker import Tracker as Tracker
    from genbench.tracking.tracker import TrackerUnavailableError as TrackerUnavailableError

_PUBLIC = {
    "genbench.config.api": "dataset evaluate run",
    "genbench.config.mistakes": "MistakeError",
    "genbench.images": "ArrayImages to_bytes to_unit_range",
    "genbench.interfaces.budget": "Budget",
    "genbench.interfaces.data": "Column ConditionKind ConditionSpec DataSpec Dataset ImageSet",
    "genbench.interfaces.drawing": "DrawSpec Generator HasLikelihood LogProb Runner SampleRequest",
    "genbench.interfaces.sampling": "DiffusionSampler Grid Guidance Level OneShotSampler RasterSampler Sampler"
    " Schedule",
    "genbench.interfaces.measurement": "MARKS MeasureInfo Measurement",
    "genbench.interfaces.measuring": "Evidence FeatureExtractor Metric Score UndeclaredReadError",
    "genbench.interfaces.tasks": "Examples Task",
    "genbench.interfaces.training": "Batch LearningRate Stage StagePlan StageSpec StageState TrainingView Update",
    "genbench.registry.code": "files_digest",
    "genbench.registry.entries": "NoOptions",
    "genbench.registry.registrar": "Registrar Registry",
    "genbench.registry.hooks": "hookimpl",
    "genbench.reports.loaded": "LoadedSweep load",
    "genbench.store.records": "RunRecord",
    "genbench.store.sweeps": "Sweep",
    "genbench.tracking.tracker": "Tracker TrackerUnavailableError",
}

EXPORTS: dict[str, str] = {name: module for module, names in _PUBLIC.items() for name in names.split()}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if module := EXPORTS.get(name):
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'genbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(EXPORTS)
