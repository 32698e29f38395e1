"""Metrics that cannot be asked for together are refused before any work; what a metric gives is what it declared."""

from __future__ import annotations

import numpy as np
import pytest

from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
from genbench.interfaces.measuring import Metric, Score
from genbench.measuring.evaluator import Evaluator
from genbench.measuring.evidence import Common
from genbench.measuring.image_sets import NoiseImages, spec_of
from genbench.measuring.scores import MetricsError, check_metrics, check_score, outputs_read
from genbench.metrics.frechet import FrechetDistance
from genbench.metrics.vendi import VendiScore


class Twin(Metric):
    """Another metric that calls its measure as the Fréchet distance does."""

    reads = ("generated", "features", "layer4")
    measures = (
        MeasureInfo(name="first", heading="1st", kind="both", direction="lower"),
        MeasureInfo(name="frechet_distance", heading="twin", kind="both", direction="lower"),
    )

    def __init__(self, options=None):
        pass

    def measure(self, evidence):
        raise AssertionError("nothing is measured here")


class Twice(Twin):
    """Gives one measure twice."""

    measures = (Twin.measures[0], Twin.measures[0])


def test_two_metrics_that_give_one_measure_are_refused_by_name(choice, store):
    metrics = {"frechet_distance": choice(FrechetDistance), "twin": choice(Twin)}
    message = "metrics 'frechet_distance' and 'twin' both give the measure 'frechet_distance'"
    with pytest.raises(MetricsError, match=message):
        check_metrics(metrics)
    images = NoiseImages((1, 2, 2), 3)
    with pytest.raises(MetricsError, match=message):
        Evaluator(store, {}, metrics, Common(spec_of(images), images))
    with pytest.raises(MetricsError, match="metric 'twice' gives twice the measure 'first'"):
        check_metrics({"twice": choice(Twice)})
    check_metrics({"frechet_distance": choice(FrechetDistance), "vendi_score": choice(VendiScore)})


def test_what_is_no_source_is_an_output():
    assert outputs_read(Twin()) == ("features", "layer4")


NUMBER = Measurement(value=1.0, estimand="made up", n=3, reason=EXACT)
BOTH = {"first": NUMBER, "frechet_distance": NUMBER}


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (Score({**BOTH, "second": NUMBER}), "it gave 'second', and declares first, frechet_distance in `measures`"),
        (Score({"first": NUMBER}), "it did not give 'frechet_distance', which it declares"),
        (Score(BOTH, {"flags": np.zeros(4)}), r"its array 'flags' is of shape \[4\]: .* \(3 or 5\)"),
        (Score(BOTH, {"flags": np.zeros(())}), r"its array 'flags' is of shape \[\]"),
    ],
)
def test_what_was_not_declared_is_refused(score, message):
    with pytest.raises(MetricsError, match=message):
        check_score(score, Twin(), [3, 5])


@pytest.mark.parametrize("length", [3, 5])
def test_arrays_have_one_entry_per_generated_or_per_reference_image(length):
    check_score(Score(BOTH, {"flags": np.zeros((length, 2))}), Twin(), [3, 5])
