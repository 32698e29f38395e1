"""Rows to scores: each made once, on evidence that was declared, and what goes wrong costs only itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.images import ArrayImages
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import LogProb
from genbench.interfaces.measurement import EXACT, MeasureInfo, Measurement
from genbench.interfaces.measuring import FeatureExtractor, Metric, Score
from genbench.measuring.evaluator import Evaluator
from genbench.measuring.evidence import Common, Later, ReferenceStatistics, Row, Statistics
from genbench.measuring.image_sets import NoiseImages
from genbench.metrics import frechet
from genbench.metrics.bits_per_dim import BitsPerDim
from genbench.metrics.frechet import FrechetDistance
from genbench.metrics.inception_score import InceptionScore
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import InceptionScoreOptions, KernelDistanceOptions, PRDCOptions
from genbench.metrics.prdc import PRDC

SPEC = DataSpec(1, 2, 2)
CALLS: list[str] = []
"""What extractors and metrics were called for, in order."""


def info(name, **changes):
    return MeasureInfo(name=name, heading=name, kind="both", direction="lower", **changes)


def number(value, n=4):
    return Measurement(value=value, estimand="made up", n=n, reason=EXACT)


class Means(FeatureExtractor):
    """Three numbers of each image."""

    name = "means"

    def __init__(self, options=None):
        pass

    def extract(self, images):
        CALLS.append(f"extract {len(images)}")
        pixels = images.float().flatten(1)
        return {"features": torch.stack([pixels.mean(1), pixels[:, 0], pixels[:, -1]], 1)}


class Distance(Metric):
    """How far the means of features are apart, with each image's distance to the reference's mean."""

    reads = ("generated", "reference", "features")
    measures = (info("distance", unit="levels"),)

    def __init__(self, options=None):
        self.references = []

    def measure(self, evidence):
        CALLS.append("distance")
        x, y = evidence.features(), evidence.features("reference")
        self.references.append(y)
        apart = (x - y.mean(0)).norm(dim=1).numpy()
        return Score({"distance": number(float((x.mean(0) - y.mean(0)).norm()))}, {"apart": apart})


class PairError(Metric):
    """The mean difference to what was asked for."""

    reads = ("generated", "pairs")
    measures = (info("pair_error"),)

    def __init__(self, options=None):
        pass

    def measure(self, evidence):
        size, count = 3, len(evidence.generated)
        total = sum(
            float((x.double() - y.double()).abs().sum())
            for x, y in zip(evidence.generated.batches(size), evidence.pairs.batches(size), strict=True)
        )
        return Score({"pair_error": number(total / count)})


class CaptionError(Metric):
    """How far the brightness of the first pixel is from that which the caption says."""

    reads = ("generated", "requests")
    measures = (info("caption_error"),)

    def __init__(self, options=None):
        pass

    def measure(self, evidence):
        said = torch.tensor([float(text.removeprefix("brightness ")) for text in evidence.requests["caption"]])
        images = evidence.generated.read(0, len(evidence.generated))
        return Score({"caption_error": number(float((images[:, 0, 0, 0] - said).abs().mean()))})


class Speed(Metric):
    """What the clock said, halved."""

    reads = ("timing",)
    measures = (info("half_speed"),)

    def __init__(self, options=None):
        pass

    def measure(self, evidence):
        return Score({"half_speed": number(evidence.timing["images_per_second"].value / 2)})


FAULTS = ["nan"]
"""How the next metric below goes wrong; empty for not at all."""


class Faulty(Metric):
    """Goes wrong as FAULTS says."""

    reads = ("generated", "features")
    measures = (info("faulty"), info("sound"))

    def __init__(self, options=None):
        pass

    def measure(self, evidence):
        CALLS.append("faulty")
        how = FAULTS[0] if FAULTS else ""
        if how == "raises":
            raise ZeroDivisionError("division by zero")
        if how == "undeclared source":
            evidence.held_out  # noqa: B018
        value = {"nan": math.nan, "infinite": math.inf}.get(how, 1.0)
        error = {"negative error": -1.0}.get(how)
        measurement = Measurement(value=value, standard_error=error, estimand="made up", n=1, reason=EXACT)
        measurements = {"faulty": measurement, "sound": number(2.0)}
        if how == "no value":
            measurements["faulty"] = replace(measurement, value=None, reason="it is too dark")
        if how == "undeclared name":
            measurements["other"] = measurement
        if how == "missing name":
            del measurements["sound"]
        arrays = {"flags": np.zeros(3)} if how == "array length" else {}
        return Score(measurements, arrays)


@dataclass(frozen=True)
class ShiftOptions:
    shift: int = 0


class Shifted(Metric):
    """An option, as it is."""

    reads = ("generated",)
    measures = (info("shifted"),)

    def __init__(self, options):
        self.shift = getattr(options, "shift", 0)

    def measure(self, evidence):
        CALLS.append(f"shift {self.shift}")
        return Score({"shifted": number(float(self.shift))})


REAL = NoiseImages((1, 2, 2), 12, seed=1)
HELD_OUT = NoiseImages((1, 2, 2), 7, seed=2)
COMMON = Common(SPEC, REAL, HELD_OUT)


@pytest.fixture(autouse=True)
def fresh():
    CALLS.clear()
    FAULTS[:] = ["nan"]


@pytest.fixture
def evaluator(store, choice):
    """`evaluator(distance=Distance, …)`: with the extractor Means and metrics by name."""

    def make(common=COMMON, features=None, batch_size=4, ranks=None, **metrics):
        chosen = {name: cls if not isinstance(cls, type) else choice(cls, name=name) for name, cls in metrics.items()}
        extractors = {"means": choice(Means, kind="features")} if features is None else features
        return Evaluator(store, extractors, chosen, common, batch_size=batch_size, ranks=ranks)

    return make


def drawn(count=10, **known):
    return Row(NoiseImages((1, 2, 2), count, seed=3), **known)


def test_every_row_is_measured_with_every_extractor_and_metric(evaluator):
    scores = evaluator(distance=Distance, shifted=Shifted).score({"generated": drawn(), "held_out": Row(HELD_OUT)})
    assert {row: set(keys) for row, keys in scores.rows.items()} == {
        "generated": {"means/distance", "shifted"},
        "held_out": {"means/distance", "shifted"},
    }
    x, y = (images.read(0, len(images)) for images in (drawn().images, REAL))
    means = [Means().extract(images)["features"].mean(0) for images in (x, y)]
    assert scores.rows["generated"]["means/distance"].value == pytest.approx(float((means[0] - means[1]).norm()))
    assert list(scores.measures) == ["distance", "shifted"]
    assert scores.left_out == {}


def test_direction_unit_and_protocol_are_filled_in(evaluator, choice):
    features = {"pixels": choice(Pixels, PixelsOptions(1), kind="features")}
    metrics = {"prdc": choice(PRDC, PRDCOptions(k=2, reference_limit=0)), "distance": Distance}
    scores = evaluator(features=features, **metrics).score({"generated": drawn()})
    recall = scores.rows["generated"]["pixels/recall"]
    assert recall.direction == "higher"
    assert dict(recall.protocol) == {
        "metric": "prdc",
        "metric.version": 1,
        "metric.k": 2,
        "metric.reference_limit": 0,
        "generated.n": 10,
        "reference": REAL.id,
        "reference.first": 0,
        "reference.n": 12,
        "extractor": "pixels",
        "extractor.fingerprint": None,
        "extractor.size": 1,
    }
    distance = scores.rows["generated"]["pixels/distance"]
    assert (distance.direction, distance.unit) == ("lower", "levels")


def test_what_was_measured_is_found_again_and_nothing_is_called(evaluator, store):
    first = evaluator(distance=Distance).score({"generated": drawn()})
    assert CALLS == ["extract 4"] * 3 + ["extract 4"] * 3 + ["distance"]
    CALLS.clear()
    second = evaluator(distance=Distance).score({"generated": drawn()})
    assert CALLS == []
    assert second.rows == first.rows
    assert [(artifact.kind, artifact.name, artifact.reused) for artifact in first.artifacts] == [
        ("features", "generated/means", False),
        ("features", "reference/means", False),
        ("scores", "generated/means/distance", False),
    ]
    assert [replace(artifact, reused=False) for artifact in second.artifacts] == list(first.artifacts)
    assert all(artifact.reused for artifact in second.artifacts)
    arrays = store.read_arrays(first.artifacts[-1].id)
    assert arrays["apart"].shape == (10,)


def test_every_id_is_known_before_anything_is_made(evaluator, store):
    evaluate = evaluator(distance=Distance)
    known = {place: identity.id for place, identity in evaluate.identities({"generated": drawn()}).items()}
    assert CALLS == []
    assert not store.root.exists()
    scores = evaluate.score({"generated": drawn()})
    assert known == {artifact.key: artifact.id for artifact in scores.artifacts}


def test_no_images_are_too_few(evaluator):
    scores = evaluator(distance=Distance, frechet_distance=FrechetDistance).score({"generated": drawn(0)})
    assert scores.rows == {"generated": {}}
    assert set(scores.left_out) == {"generated: means/distance", "generated: means/frechet_distance"}


def test_one_more_metric_measures_that_alone(evaluator):
    evaluator(distance=Distance).score({"generated": drawn()})
    CALLS.clear()
    scores = evaluator(shifted=Shifted, distance=Distance).score({"generated": drawn()})
    assert CALLS == ["shift 0"]
    assert set(scores.rows["generated"]) == {"means/distance", "shifted"}


def test_other_options_are_another_score(evaluator, choice):
    for shift in (1, 2):
        scores = evaluator(shifted=choice(Shifted, ShiftOptions(shift))).score({"generated": drawn()})
        assert scores.rows["generated"]["shifted"].value == shift
        assert scores.rows["generated"]["shifted"].protocol["metric.shift"] == shift


def test_more_images_are_extracted_from_where_there_were_fewer(evaluator):
    evaluator(distance=Distance).score({"generated": drawn(10)})
    CALLS.clear()
    grown = evaluator(distance=Distance).score({"generated": drawn(17), "first": drawn(17).first(10)})
    assert CALLS == ["extract 4"] * 3 + ["distance"]  # from the batch that the tenth image is in; that of 10 is known
    assert len({a.id for a in grown.artifacts if a.name == "generated/means"}) == 1
    assert grown.rows["generated"]["means/distance"] != grown.rows["first"]["means/distance"]


def test_all_rows_share_one_reference_and_its_part_is_computed_once(evaluator, monkeypatch):
    fits, fitted = [], frechet.fitted
    monkeypatch.setattr(frechet, "fitted", lambda x: fits.append(len(x)) or fitted(x))
    evaluate = evaluator(distance=Distance, frechet_distance=FrechetDistance)
    evaluate.score({"generated": drawn(), "held_out": Row(HELD_OUT), "noise": Row(NoiseImages((1, 2, 2), 10))})
    assert sorted(fits) == [7, 10, 10, 12]
    references = evaluate.metrics["means", "distance"].references
    assert len(references) == 3
    assert all(reference is references[0] for reference in references)


# ------------------------------------------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("nan", "ValueError: a measurement's value must be a finite number or None with a reason, not nan"),
        ("infinite", "ValueError: a measurement's value must be a finite number or None with a reason, not inf"),
        ("negative error", "ValueError: a standard error must be a finite number >= 0 or None, not -1.0"),
        ("raises", "ZeroDivisionError: division by zero"),
        ("undeclared source", "UndeclaredReadError: the metric reads 'held_out' without declaring it"),
        ("undeclared name", "MetricsError: it gave 'other', and declares faulty, sound in `measures`"),
        ("missing name", "MetricsError: it did not give 'sound', which it declares in `measures`"),
        ("array length", "MetricsError: its array 'flags' is of shape [3]: one entry per generated or"),
    ],
)
def test_a_metric_that_goes_wrong_costs_its_own_score_and_is_tried_again(evaluator, how, reason):
    FAULTS[:] = [how]
    scores = evaluator(faulty=Faulty, distance=Distance).score({"generated": drawn()})
    assert set(scores.rows["generated"]) == {"means/distance"}
    assert list(scores.left_out) == ["generated: means/faulty"]
    assert scores.left_out["generated: means/faulty"].startswith(reason)
    assert all(artifact.name != "generated/means/faulty" for artifact in scores.artifacts)
    FAULTS.clear()
    CALLS.clear()
    again = evaluator(faulty=Faulty, distance=Distance).score({"generated": drawn()})
    assert CALLS == ["faulty"]
    assert again.rows["generated"]["means/faulty"].value == 1
    assert again.left_out == {}


def test_a_measurement_without_a_value_is_shown_and_tried_again(evaluator):
    FAULTS[:] = ["no value"]
    scores = evaluator(faulty=Faulty).score({"generated": drawn()})
    measurement = scores.rows["generated"]["means/faulty"]
    assert (measurement.value, measurement.reason) == (None, "it is too dark")
    assert scores.rows["generated"]["means/sound"].value == 2
    CALLS.clear()
    evaluator(faulty=Faulty).score({"generated": drawn()})
    assert CALLS == ["faulty"]


class Dark(Means):
    """Gives NaN for what it cannot see."""

    name = "dark"

    def extract(self, images):
        features = super().extract(images)["features"]
        features[images.flatten(1).max(1).values == 0] = torch.nan
        return {"features": features}


def test_features_that_are_not_finite_cost_the_scores_that_need_them(evaluator, choice):
    pixels = NoiseImages((1, 2, 2), 6).read(0, 6)
    pixels[5] = 0
    features = {"dark": choice(Dark, kind="features"), "means": choice(Means, kind="features")}
    rows = {"generated": Row(ArrayImages("dark", pixels)), "first": Row(ArrayImages("dark", pixels)).first(4)}
    scores = evaluator(features=features, distance=Distance).score(rows)
    assert set(scores.rows["generated"]) == {"means/distance"}
    assert set(scores.rows["first"]) == {"dark/distance", "means/distance"}  # the first batch is whole
    assert scores.left_out == {
        "generated: dark/distance": "ExtractionError: features=dark gave 'features' with NaN or infinity for image 5"
    }


def test_what_cannot_be_measured_is_left_out_with_the_reason(evaluator, choice):
    kid, inception_score = (
        choice(KernelDistance, KernelDistanceOptions()),
        choice(InceptionScore, InceptionScoreOptions()),
    )
    metrics = {"inception_score": inception_score, "kid": kid}
    scores = evaluator(**metrics).score({"generated": drawn(), "one": drawn(1)})
    assert set(scores.rows["generated"]) == {"means/kid"}
    assert scores.left_out == {
        "means/inception_score": "features=means has no output 'logits', only features",
        "one: means/kid": "1 generated image(s): at least 2 are needed",
    }
    without = evaluator(features={}, **metrics).score({"generated": drawn()})
    assert without.left_out["kid"] == "it reads 'features' of a feature extractor, and none was asked for"


def test_a_metric_that_trips_over_what_is_not_there_says_so_of_the_first_row_alone(evaluator):
    scores = evaluator(pair_error=PairError).score({"generated": drawn(), "held_out": Row(HELD_OUT)})
    assert list(scores.left_out) == ["generated: pair_error"]
    assert scores.left_out["generated: pair_error"].startswith("it reads 'pairs', and there is none here ('NoneType'")


# ----------------------------------------------------------------------------------------------- requests, pairs, clock


def test_pairs_are_read_image_by_image(evaluator):
    images = drawn().images
    shifted = ArrayImages("shifted", images.read(0, 10).roll(1, 0))
    rows = {"true": Row(images, pairs=images), "shifted": Row(images, pairs=shifted), "held_out": Row(HELD_OUT)}
    scores = evaluator(pair_error=PairError).score(rows)
    assert scores.rows["true"]["pair_error"].value == 0
    assert scores.rows["shifted"]["pair_error"].value > 1
    assert scores.rows["held_out"] == {}
    assert scores.left_out == {}  # nobody needs to hear that held-out images were not asked for


def test_captions_reach_a_metric_and_shuffled_ones_change_it(evaluator):
    images = drawn().images
    captions = [f"brightness {image[0, 0, 0]}" for image in images.read(0, 10)]

    def asked(texts, id):
        return Row(images, requests=Later(id, lambda: {"caption": texts}))

    rows = {"right": asked(captions, "right"), "shuffled": asked(captions[1:] + captions[:1], "shuffled")}
    scores = evaluator(caption_error=CaptionError).score(rows)
    assert scores.rows["right"]["caption_error"].value == 0
    assert scores.rows["shuffled"]["caption_error"].value > 1


def test_the_clock_is_read_where_there_was_one(evaluator):
    clock = {"images_per_second": number(8.0)}
    rows = {"generated": drawn(timing=Later("timing", lambda: clock)), "noise": Row(NoiseImages((1, 2, 2), 10))}
    scores = evaluator(speed=Speed).score(rows)
    assert scores.rows["generated"]["half_speed"].value == 4
    assert scores.rows["noise"] == {}


# ----------------------------------------------------------------------------------------------------------- likelihood


def likelihood(nats, id="likelihood"):
    return Later(id, lambda: CALLS.append("likelihood") or LogProb(torch.tensor(nats).double(), 256, True))


def test_a_likelihood_is_measured_once_and_computed_once(evaluator, store):
    common = replace(COMMON, likelihood=likelihood([-1.0, -2.0]))
    rows = {"generated": drawn(), "held_out": Row(HELD_OUT)}
    scores = evaluator(common, bits_per_dim=BitsPerDim).score(rows)
    assert scores.rows["generated"]["bits_per_dim"].value == pytest.approx(1.5 / 4 / math.log(2))
    assert scores.rows["generated"]["bits_per_dim"].protocol["held_out"] == HELD_OUT.id
    assert scores.rows["held_out"] == {}
    assert [(a.kind, a.reused) for a in scores.artifacts] == [("likelihoods", False), ("scores", False)]
    again = evaluator(replace(COMMON, likelihood=likelihood([-1.0, -2.0])), bits_per_dim=BitsPerDim).score(rows)
    assert CALLS == ["likelihood"]
    assert [(a.kind, a.reused) for a in again.artifacts] == [("likelihoods", True), ("scores", True)]
    for path in (store.root / "artifacts" / "scores").iterdir():
        path.unlink()
    evaluator(replace(COMMON, likelihood=likelihood([-9.0, -9.0])), bits_per_dim=BitsPerDim).score(rows)
    assert CALLS == ["likelihood"]


def test_a_likelihood_that_is_not_finite_is_said_and_not_kept(evaluator):
    broken = replace(COMMON, likelihood=likelihood([-1.0, -math.inf]))
    scores = evaluator(broken, bits_per_dim=BitsPerDim).score({"generated": drawn()})
    assert scores.left_out == {"generated: bits_per_dim": "ValueError: the log-likelihood of image 1 is -inf"}
    fixed = replace(COMMON, likelihood=likelihood([-1.0, -2.0]))
    assert evaluator(fixed, bits_per_dim=BitsPerDim).score({"generated": drawn()}).left_out == {}


def test_a_model_without_one_is_said(evaluator):
    scores = evaluator(bits_per_dim=BitsPerDim).score({"generated": drawn()})
    assert scores.left_out == {"generated: bits_per_dim": "the model has no likelihood"}


# --------------------------------------------------------------------------------------------- references, sizes, ranks


def test_statistics_of_a_reference_are_enough_for_who_needs_no_more(evaluator, choice):
    features = Means().extract(REAL.read(0, 12))["features"].double()
    known = Statistics(features.mean(0), features.T.cov(), 12)
    metrics = {"frechet_distance": FrechetDistance, "kid": choice(KernelDistance, KernelDistanceOptions())}
    scores = evaluator(Common(SPEC, ReferenceStatistics("mean", {"means": known})), **metrics).score(
        {"generated": drawn()}
    )
    whole = evaluator(**metrics).score({"generated": drawn()})
    key = "means/frechet_distance"
    assert scores.rows["generated"][key].value == pytest.approx(whole.rows["generated"][key].value, rel=1e-5)
    assert "has no images" in scores.left_out["generated: means/kid"]
    assert scores.rows["generated"][key].protocol["reference"] == "mean"


class Sizes(NoiseImages):
    """Images of several sizes."""

    def __init__(self, count):
        super().__init__((1, 4, 4), count, seed=5)
        self.shape, self.id = None, "sizes"

    def read(self, start, stop):
        assert stop - start == 1
        images = NoiseImages((1, 4, 4), self.count, seed=5).read(start, stop)
        return images[..., : 2 + start % 3]


def test_images_of_several_sizes_are_measured_by_who_resizes(evaluator, choice):
    features = {f"pixels{size}": choice(Pixels, PixelsOptions(size), kind="features") for size in (0, 2)}
    scores = evaluator(features=features, distance=Distance).score({"generated": Row(Sizes(5))})
    assert set(scores.rows["generated"]) == {"pixels2/distance"}
    assert "images of several sizes need an extractor that resizes" in scores.left_out["generated: pixels0/distance"]


def test_ranks_extract_together_and_all_get_the_scores(evaluator, on_ranks, store):
    rows = {"generated": drawn(17), "held_out": Row(HELD_OUT), "generated_at_held_out": drawn(17).first(7)}
    metrics = {"distance": Distance, "faulty": Faulty}
    alone = evaluator(**metrics).score(rows)
    store.root.rename(store.root.with_name("alone"))
    CALLS.clear()
    answers = on_ranks(2, lambda ranks: evaluator(ranks=ranks, **metrics).score(rows))
    assert answers[0].rows == answers[1].rows == alone.rows
    assert answers[0].left_out == answers[1].left_out == alone.left_out
    assert CALLS.count("extract 4") == 5 + 2 + 3
    assert CALLS.count("distance") == 3


def test_progress_is_told(evaluator):
    heard = []
    evaluate = evaluator(distance=Distance)
    evaluate.report = evaluate.extracted.report = lambda *what: heard.append(what)
    evaluate.score({"generated": drawn(6)})
    assert heard == [
        ("extracting means", 4, 6, "generated"),
        ("extracting means", 6, 6, "generated"),
        ("extracting means", 4, 12, "reference"),
        ("extracting means", 8, 12, "reference"),
        ("extracting means", 12, 12, "reference"),
        ("scoring", 0, 1, "means/distance of generated"),
    ]
