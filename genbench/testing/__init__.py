"""Conformance suites: a plugin author subclasses one, names what is registered, and pytest does the rest.

    from genbench.testing import GeneratorConformance

    class TestGAN(GeneratorConformance):
        name = "gan"
        options = {"steps": 4, "batch_size": 8}

Every failure says what genbench relies on and what to change. Needs pytest.
"""

from __future__ import annotations

from genbench.testing.components import FeatureExtractorConformance, MetricConformance, ScheduleConformance
from genbench.testing.generators import GeneratorConformance
from genbench.testing.subjects import COLOUR, GREY, LABELLED

__all__ = [
    "COLOUR",
    "GREY",
    "LABELLED",
    "FeatureExtractorConformance",
    "GeneratorConformance",
    "MetricConformance",
    "ScheduleConformance",
]
