"""Conformance suites: a plugin author subclasses one, names what is registered, and pytest does the rest.

    from genbench.testing import GeneratorConformance

    class TestGAN(GeneratorConformance):
        name = "gan"
        options = {"budget": "steps:4", "batch_size": 8}

There is one for each kind. Every failure says what genbench relies on and what to change. Needs pytest.
"""

from __future__ import annotations

from genbench.testing.datasets import DatasetConformance
from genbench.testing.evidence import MadeUpEvidence
from genbench.testing.features import FeatureExtractorConformance
from genbench.testing.generators import GeneratorConformance
from genbench.testing.guidance import GuidanceConformance
from genbench.testing.made_up import CAPTIONED, COLOUR, GREY, LABELLED
from genbench.testing.metrics import MetricConformance
from genbench.testing.reports import ReportConformance
from genbench.testing.samplers import SamplerConformance
from genbench.testing.schedules import GridConformance, ScheduleConformance
from genbench.testing.tasks import TaskConformance
from genbench.testing.trackers import TrackerConformance

__all__ = [
    "CAPTIONED",
    "COLOUR",
    "GREY",
    "LABELLED",
    "DatasetConformance",
    "FeatureExtractorConformance",
    "GeneratorConformance",
    "GridConformance",
    "GuidanceConformance",
    "MadeUpEvidence",
    "MetricConformance",
    "ReportConformance",
    "SamplerConformance",
    "ScheduleConformance",
    "TaskConformance",
    "TrackerConformance",
]
