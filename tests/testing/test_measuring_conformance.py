"""The suites for feature extractors and metrics say what is wrong with bad ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genbench import Evidence, FeatureExtractor, MeasureInfo, Measurement, Metric, NoOptions, Score
from genbench.testing import FeatureExtractorConformance, MetricConformance


def call(suite: Any, test: str, advice: str) -> None:
    """The one test whose name holds `test` fails with this advice."""
    (name,) = [name for name in dir(suite) if name.startswith("test_") and test in name]
    with pytest.raises((AssertionError, pytest.fail.Exception), match=advice):
        getattr(suite, name)()


# --------------------------------------------------------------------------------------------------------- extractors


class Flat(FeatureExtractor):
    """The good one: pixels."""

    name = "flat"

    def __init__(self, options: NoOptions) -> None: ...

    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"features": images.flatten(1) / 255}


class BatchCentred(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        features = super().extract(images)["features"]
        return {"features": features - features.mean(0)}


class InPlace(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return super().extract(images.clamp_(10, 200))


class Dropping(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"features": nn.Dropout(0.5)(super().extract(images)["features"])}


class Unannounced(Flat):
    outputs = ("features", "logits")


class Bytes(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"features": images.flatten(1)}


class Layered(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        return {"features": images / 255}


class Pairing(Flat):
    outputs = ("pairs",)


class OfALostDomain(Flat):
    domain = "nothing_of_this_name"


TIMES_ASKED = iter(range(10))


class OfAnyFile(Flat):
    @classmethod
    def fingerprint(cls, options: NoOptions) -> str | None:
        return str(next(TIMES_ASKED))


class Blind(Flat):
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        raise ValueError("it sees nothing")


@pytest.mark.parametrize(
    ("extractor", "test", "advice"),
    [
        (BatchCentred, "one_by_one", "depends on its neighbours"),
        (InPlace, "one_by_one", "work on a copy"),
        (Dropping, "equal_images", "nothing in them may be random"),
        (Unannounced, "outputs_are", "`outputs` announces features, logits"),
        (Bytes, "outputs_are", "return floats"),
        (Layered, "outputs_are", r"the first one is \[N, D\]"),
        (Pairing, "says_what_it_gives", "choose another name"),
        (OfALostDomain, "says_what_it_gives", "leave it empty for images of any kind"),
        (OfAnyFile, "fingerprint", r"asked twice, fingerprint\(options\) says two things"),
        (Blind, "outputs_are", r"refuses all images of this suite \(it sees nothing\)"),
    ],
)
def test_a_bad_extractor_is_found(extractor: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(FeatureExtractorConformance, extractor), test, advice)


# ------------------------------------------------------------------------------------------------------------ metrics


class Shift(Metric):
    """The good one: how far the mean features are apart."""

    reads: tuple[str, ...] = ("generated", "reference", "features")
    measures = (MeasureInfo(name="shift", heading="shift", kind="fidelity", direction="lower"),)

    def __init__(self, options: NoOptions) -> None: ...

    def unsupported(self, evidence: Evidence) -> str | None:
        return None if evidence.reference is not None else "the reference has no images to compare with"

    def measure(self, evidence: Evidence) -> Score:
        x, y = evidence.features(), evidence.features("reference")
        assert x is not None
        assert y is not None
        return self.score(float((x.mean(0) - y.mean(0)).norm()), len(x))

    def score(self, value: float, n: int, **rest: Any) -> Score:
        measured = {"estimand": "the distance of means", "reason": "unknown", "standard_error": None, **rest}
        return Score({"shift": Measurement(value=value, n=n, **measured)})


class FirstOfReference(Shift):
    def measure(self, evidence: Evidence) -> Score:
        x, y = evidence.features(), evidence.features("reference")
        assert x is not None
        assert y is not None
        return self.score(float((x - y[0]).norm()), len(x))


class Undeclared(Shift):
    def measure(self, evidence: Evidence) -> Score:
        evidence.features(output="logits")
        return super().measure(evidence)


class DeclaresNothing(Shift):
    reads = ()


class TwoOfOneName(Shift):
    measures = (*Shift.measures, *Shift.measures)


class NeverTheSame(Shift):
    def measure(self, evidence: Evidence) -> Score:
        return self.score(float(torch.rand(())), 40)


class Remembers(Shift):
    """What it measured before is part of what it measures."""

    total = 0.0

    def measure(self, evidence: Evidence) -> Score:
        self.total += next(iter(super().measure(evidence).measurements.values())).value or 0.0
        return self.score(self.total, 40)


class ChangesFeatures(Shift):
    def measure(self, evidence: Evidence) -> Score:
        x = evidence.features()
        assert x is not None
        x -= x.mean(0)
        return super().measure(evidence)


class Missing(Shift):
    def measure(self, evidence: Evidence) -> Score:
        return Score({})


class Valueless(Shift):
    def measure(self, evidence: Evidence) -> Score:
        return Score({"shift": Measurement(value=None, estimand="e", n=40, reason="it was a bad day")})


class OtherWay(Shift):
    def measure(self, evidence: Evidence) -> Score:
        return self.score(1.0, 40, direction="higher")


class ShortArrays(Shift):
    def measure(self, evidence: Evidence) -> Score:
        return Score(super().measure(evidence).measurements, {"distances": np.zeros(3)})


class NeedsAReference(Shift):
    def unsupported(self, evidence: Evidence) -> str | None:
        return None


class Fussy(Shift):
    def unsupported(self, evidence: Evidence) -> str | None:
        assert evidence.reference is not None
        return None


class Curt(Shift):
    def unsupported(self, evidence: Evidence) -> str | None:
        return super().unsupported(evidence) and "no"


class Spread(Shift):
    """Of one image there is none."""

    def measure(self, evidence: Evidence) -> Score:
        x = evidence.features()
        assert x is not None
        return self.score(float((x - x.mean(0)).square().sum()) / (len(x) - 1), len(x))


@pytest.mark.parametrize(
    ("metric", "test", "advice"),
    [
        (DeclaresNothing, "declares_what_it_reads", "`reads` is empty"),
        (TwoOfOneName, "declares_what_it_reads", "gives one name twice"),
        (Undeclared, "measures_what_it_declares", "reads 'logits' without declaring it.*declare everything"),
        (Missing, "measures_what_it_declares", "did not give 'shift'"),
        (Valueless, "measures_what_it_declares", r"has no value \(it was a bad day\)"),
        (OtherWay, "measures_what_it_declares", "says that higher is better, and `measures` declares lower"),
        (ShortArrays, "measures_what_it_declares", "one entry per generated or per reference image"),
        (NeverTheSame, "measuring_twice", "fix the seed"),
        (Remembers, "measuring_twice", "remember nothing of the generated images"),
        (ChangesFeatures, "left_as_it_is", "changed 'features' of 'generated'"),
        (FirstOfReference, "order_of_reference", "'shift' depends on the order"),
        (NeedsAReference, "what_it_lacks", r"accepts evidence without 'reference', and measure\(\) then fails"),
        (Fussy, "what_it_lacks", "raises for evidence without 'reference'"),
        (Curt, "what_it_lacks", "with 'no': say why"),
        (Spread, "what_it_lacks", "accepts a single image"),
    ],
)
def test_a_bad_metric_is_found(metric: type, test: str, advice: str, suite_for: Callable[..., Any]) -> None:
    call(suite_for(MetricConformance, metric), test, advice)


@pytest.mark.parametrize(("suite", "member"), [(FeatureExtractorConformance, Flat), (MetricConformance, Shift)])
def test_a_good_one_passes(suite: type, member: type, suite_for: Callable[..., Any]) -> None:
    of_member = suite_for(suite, member)
    of_its_plugin = ("test_the_plugin_registers_without_importing_torch", "test_it_and_its_presets_compose")
    for name in dir(of_member):
        if name.startswith("test_") and name not in of_its_plugin:
            getattr(of_member, name)()


def test_the_order_of_the_reference_may_matter(suite_for: Callable[..., Any]) -> None:
    suite = suite_for(MetricConformance, FirstOfReference, reference_in_order=True)
    with pytest.raises(pytest.skip.Exception):
        suite.test_the_order_of_reference_images_does_not_matter()
