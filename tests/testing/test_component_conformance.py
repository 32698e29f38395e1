"""The core's own metrics, extractors and schedules go through the suites for them; and the suites find bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genbench import Direction, FeatureExtractor, Features, Measurement, Metric
from genbench.registry.entries import Entry, NoOptions
from genbench.testing import FeatureExtractorConformance, MetricConformance, ScheduleConformance
from genbench.testing.subjects import GREY


class TestFrechetDistance(MetricConformance):
    name = "frechet_distance"


class TestKID(MetricConformance):
    name = "kid"


class TestInceptionScore(MetricConformance):
    name = "inception_score"


class TestPRDC(MetricConformance):
    name = "prdc"


class TestVendiScore(MetricConformance):
    name = "vendi_score"


class TestPixels(FeatureExtractorConformance):
    name = "pixels"


class TestDigits(FeatureExtractorConformance):
    name = "digits"


class TestLinearAlphaBar(ScheduleConformance):
    name = "linear_alpha_bar"


class TestLinearBeta(ScheduleConformance):
    name = "linear_beta"


class TestCosine(ScheduleConformance):
    name = "cosine"


class TestEDM(ScheduleConformance):
    name = "edm"


class FirstReference(Metric):
    """Depends on the order of the reference images."""

    def __init__(self, options: NoOptions) -> None: ...

    def compute(self, generated: Features, reference: Features) -> Mapping[str, Measurement]:
        distance = float((generated.features - reference.features[0]).norm())
        return {"first": Measurement(distance, None, "nothing", len(generated), Direction.LOWER, "a test")}


class BatchCentred(FeatureExtractor):
    name, fingerprint = "centred", "1"

    def __init__(self, options: NoOptions) -> None: ...

    def extract(self, images: torch.Tensor) -> Features:
        flat = images.flatten(1).float()
        return Features(flat - flat.mean(0))


@dataclass(frozen=True)
class Backwards:
    """The log-SNR grows in t."""

    def alpha_sigma(self, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.sqrt(t), np.sqrt(1 - t)

    def t_at(self, log_snr: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp(-log_snr))


def test_a_bad_metric_is_found() -> None:
    class Bad(MetricConformance):
        @classmethod
        def entry(cls) -> Entry:
            return Entry("metrics", "bad", "", FirstReference, NoOptions, "genbench")

    Bad().test_measurements_are_finite_and_keep_their_names()
    with pytest.raises(AssertionError, match="'first' depends on the order"):
        Bad().test_the_order_of_reference_images_does_not_matter()


def test_a_bad_extractor_is_found() -> None:
    class Bad(FeatureExtractorConformance):
        @classmethod
        def entry(cls) -> Entry:
            return Entry("features", "bad", "", BatchCentred, NoOptions, "genbench")

    with pytest.raises(AssertionError, match="depend on its neighbours"):
        Bad().test_images_are_seen_one_by_one(GREY)


def test_a_bad_schedule_is_found() -> None:
    class Bad(ScheduleConformance):
        @classmethod
        def entry(cls) -> Entry:
            return Entry("schedule", "bad", "", Backwards, Backwards, "genbench")

    with pytest.raises(AssertionError, match="must strictly decrease in t"):
        Bad().test_noise_grows_and_the_inverse_is_one()
