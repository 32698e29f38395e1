"""What a metric may read, and what it reads then."""

from __future__ import annotations

import pytest
import torch

from genbench.images import ArrayImages
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import LogProb
from genbench.interfaces.measurement import EXACT, Measurement
from genbench.interfaces.measuring import SOURCES, UndeclaredReadError
from genbench.measuring.evidence import Common, Later, ReferenceStatistics, Row, RowEvidence, Statistics

SPEC = DataSpec(1, 2, 2)
PROPERTIES = [source for source in SOURCES if source != "generated"]


def images(name, count):
    return ArrayImages(name, torch.zeros(count, 1, 2, 2, dtype=torch.uint8))


NATS = LogProb(torch.zeros(2, dtype=torch.float64), 256, True)
CLOCK = {"nfe": Measurement(value=1.0, estimand="evaluations", n=1, reason=EXACT)}
COMMON = Common(SPEC, images("real", 4), images("held out", 3), images("train", 6), Later("likelihood", lambda: NATS))
ROW = Row(
    images("drawn", 3),
    Later("requests", lambda: {"label": torch.arange(3), "caption": ("a", "b", "c")}),
    images("pairs", 3),
    Later("timing", lambda: CLOCK),
)


def evidence(reads, common=COMMON, row=ROW):
    return RowEvidence(common, row, reads, "pixels", lambda of, output: (of, output))


def test_what_was_declared_is_read():
    everything = evidence((*SOURCES, "features"))
    assert (everything.generated, everything.pairs) == (ROW.images, ROW.pairs)
    assert (everything.reference, everything.held_out, everything.training) == (
        COMMON.reference,
        COMMON.held_out,
        COMMON.training,
    )
    assert everything.requests["caption"] == ("a", "b", "c")
    assert everything.likelihood is NATS
    assert everything.timing is CLOCK
    assert everything.features("held_out") == ("held_out", "features")
    assert everything.statistics() is None
    assert (everything.spec, everything.extractor) == (SPEC, "pixels")


@pytest.mark.parametrize("source", SOURCES)
def test_what_was_not_declared_is_not(source):
    others = evidence(tuple(name for name in SOURCES if name != source))
    with pytest.raises(UndeclaredReadError, match=f"the metric reads '{source}' without declaring it"):
        getattr(others, source)


def test_features_need_their_set_and_their_output_declared():
    with pytest.raises(UndeclaredReadError, match="'logits'"):
        evidence(("generated", "features")).features(output="logits")
    with pytest.raises(UndeclaredReadError, match="'training'"):
        evidence(("generated", "features")).features("training")
    with pytest.raises(UndeclaredReadError, match="'reference'"):
        evidence(("generated", "features")).statistics()
    with pytest.raises(ValueError, match="no output 'features' of 'timing'"):
        evidence(("timing", "features")).features("timing")


@pytest.mark.parametrize("source", PROPERTIES)
def test_what_is_not_there_is_none(source):
    nothing = evidence((*SOURCES, "features"), Common(SPEC), Row(ROW.images))
    assert getattr(nothing, source) is None
    if source in ("reference", "held_out", "training", "pairs"):
        assert nothing.features(source) is None


def test_of_a_reference_there_may_be_statistics_only():
    known = Statistics(torch.zeros(4), torch.eye(4), 100)
    reading = evidence(("reference", "features"), Common(SPEC, ReferenceStatistics("id", {"pixels": known})))
    assert reading.reference is None
    assert reading.features("reference") is None
    mean, covariance, count = reading.statistics()
    assert (mean, covariance, count) == (known.mean, known.covariance, 100)
    other = Common(SPEC, ReferenceStatistics("id", {"inception": known}))
    assert evidence(("reference", "features"), other).statistics() is None


def test_the_first_images_of_a_row_keep_their_requests_and_pairs():
    first = ROW.first(2)
    reading = evidence(SOURCES, row=first)
    assert (len(reading.generated), len(reading.pairs), reading.timing) == (2, 2, None)
    assert reading.requests["label"].tolist() == [0, 1]
    assert reading.requests["caption"] == ("a", "b")
    assert first.requests.id != ROW.requests.id
    assert first.images.id == ROW.images.id


def test_requests_of_another_number_of_images_are_refused():
    row = Row(images("drawn", 2), ROW.requests)
    with pytest.raises(ValueError, match="3 entries of 'label' for 2 images"):
        evidence(("requests",), row=row).requests  # noqa: B018


def test_what_comes_later_is_computed_once():
    calls = []
    later = Later("id", lambda: calls.append(1) or len(calls))
    assert (later.value, later.value, calls) == (1, 1, [1])
