"""What every metric must do, as tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch

from genbench.interfaces.data import Column
from genbench.interfaces.measurement import MeasureInfo, Measurement
from genbench.interfaces.measuring import SOURCES, Metric, Score, UndeclaredReadError
from genbench.measuring.scores import MetricsError, check_score
from genbench.testing.evidence import MadeUpEvidence, conditions
from genbench.testing.suite import Suite, assert_reason

OPTIONAL = tuple(source for source in SOURCES if source != "generated")
"""What a run, or a set of images that was given, may not have."""


class MetricConformance(Suite):
    """Subclass it with the `name` that the metric is registered by.

    It is given made-up evidence (genbench.testing.MadeUpEvidence). Override `requests` if the metric reads conditions
    of other names than "label", "caption", "image" and "mask". Set `reference_in_order` if the order of the reference
    images matters by definition.
    """

    kind = "metrics"
    reference_in_order: ClassVar[bool] = False

    @classmethod
    def requests(cls) -> Mapping[str, Column]:
        """What the generated images were asked for with: 40 entries each."""
        return conditions()

    def test_it_declares_what_it_reads_and_measures(self) -> None:
        metric: Metric = self.build()
        assert isinstance(metric, Metric), f"it is a {type(metric).__name__}, no genbench.Metric"
        for name in ("reads", "measures"):
            declared = getattr(metric, name, None)
            assert isinstance(declared, tuple), f"`{name}` is {declared!r}: declare a tuple, as a class attribute"
            assert declared, f"`{name}` is empty: declare what the metric {name}"
        assert all(isinstance(info, MeasureInfo) for info in metric.measures), "`measures` holds no MeasureInfos only"
        names = [info.name for info in metric.measures]
        assert len(set(names)) == len(names), f"`measures` gives one name twice: {', '.join(names)}"
        assert isinstance(metric.version, int), f"`version` is {metric.version!r}: the published definition's, an int"

    def test_it_measures_what_it_declares(self) -> None:
        metric: Metric = self.build()
        score = self._measured(metric, self._evidence())
        for name, measurement in score.measurements.items():
            self._check(metric, name, measurement)

    def test_measuring_twice_gives_the_same(self) -> None:
        metric: Metric = self.build()
        evidence = self._evidence()
        torch.manual_seed(0)
        first = self._measured(metric, evidence)
        torch.manual_seed(1)
        for what, other in (("twice", metric), ("with another of the same metric", self.build())):
            assert _values(self._measured(other, evidence)) == _values(first), (
                f"measuring {what} gives two values: fix the seed of whatever is drawn inside, and remember nothing of"
                " the generated images"
            )

    def test_evidence_is_left_as_it_is(self) -> None:
        evidence, untouched = self._evidence(), self._evidence()
        self._measured(self.build(), evidence)
        for (of, output), tensor in evidence.outputs.items():
            assert torch.equal(tensor, untouched.output(of, output)), (
                f"measuring changed '{output}' of '{of}', which other metrics read too: work on a copy"
            )

    def test_the_order_of_reference_images_does_not_matter(self) -> None:
        metric: Metric = self.build()
        if self.reference_in_order or "reference" not in metric.reads:
            pytest.skip("the reference is not read, or its order matters by definition")
        usual, shuffled = (self._measured(self.build(), self._evidence(reference_seed=seed)) for seed in (0, 1))
        for name, value in _values(usual).items():
            assert _values(shuffled)[name] == pytest.approx(value, rel=1e-6, abs=1e-9), (
                f"'{name}' depends on the order of the reference images: take them as a set, or set"
                " `reference_in_order` if it must"
            )

    def test_it_says_what_it_lacks(self) -> None:
        metric: Metric = self.build()
        cases: dict[str, dict[str, Any]] = {
            f"evidence without '{source}'": {"without": (source,)} for source in OPTIONAL if source in metric.reads
        }
        cases["a single image"] = {"count": 1}
        for what, lacking in cases.items():
            evidence = self._evidence(**lacking)
            try:
                reason = metric.unsupported(evidence.for_metric(metric.reads))
            except Exception as error:
                pytest.fail(f"unsupported() raises for {what}, {type(error).__name__}: {error}; return a sentence")
            if reason is not None:
                assert_reason(reason, what)
                continue
            try:
                check_score(metric.measure(evidence.for_metric(metric.reads)), metric, (evidence.count, 48))
            except Exception as error:
                pytest.fail(
                    f"unsupported() accepts {what}, and measure() then fails ({type(error).__name__}: {error}): return"
                    " a sentence that says what is missing"
                )

    # ------------------------------------------------------------------------------------------------------- helpers

    def _evidence(self, **changes: object) -> MadeUpEvidence:
        return MadeUpEvidence(requests=self.requests(), **changes)  # type: ignore[arg-type]

    def _measured(self, metric: Metric, evidence: MadeUpEvidence) -> Score:
        """What it measures of evidence that has everything, checked."""
        readable = evidence.for_metric(metric.reads)
        try:
            reason = metric.unsupported(readable)
            assert reason is None, f"unsupported() refuses 40 images with all that there is to read: {reason}"
            score = metric.measure(readable)
        except UndeclaredReadError as error:
            pytest.fail(f"{error}: declare everything that it reads, and nothing else")
        assert isinstance(score, Score), f"measure() returns a {type(score).__name__}: return a genbench.Score"
        try:
            check_score(score, metric, (evidence.count, 48))
        except MetricsError as error:
            pytest.fail(f"measure(): {error}")
        return score

    def _check(self, metric: Metric, name: str, measurement: Measurement) -> None:
        info = next(info for info in metric.measures if info.name == name)
        assert measurement.value is not None, (
            f"'{name}' of ordinary evidence has no value ({measurement.reason}): refuse in unsupported() what cannot be"
            " measured"
        )
        assert math.isfinite(measurement.value), f"'{name}' of ordinary evidence is {measurement.value}"
        assert measurement.n > 0, f"'{name}' is measured on n={measurement.n} images or repetitions"
        assert measurement.estimand, f"'{name}' does not say in words what it estimates"
        assert measurement.direction in (None, info.direction), (
            f"'{name}' says that {measurement.direction} is better, and `measures` declares {info.direction}"
        )
        assert measurement.unit in ("", info.unit), (
            f"'{name}' is in '{measurement.unit}', and `measures` declares '{info.unit}'"
        )


def _values(score: Score) -> dict[str, float | None]:
    return {name: measurement.value for name, measurement in score.measurements.items()}
