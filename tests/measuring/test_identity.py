"""What ids depend on, and what not. That code counts by the definitions reached is tested with the registry."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.interfaces.measuring import FeatureExtractor
from genbench.measuring.identity import counted_options, features_identity, score_identity
from genbench.measuring.image_sets import NoiseImages
from genbench.metrics.kid import KernelDistance
from genbench.metrics.options import KernelDistanceOptions
from genbench.metrics.prdc import PRDC

IMAGES = NoiseImages((1, 4, 4), 20)


@dataclass(frozen=True)
class FileOptions:
    weights: str = field(default="", metadata={"fingerprinted": True})
    size: int = 8


CONTENT = {"a": "1", "copy of a": "1", "b": "2"}
"""What lies in files that there are not."""


class FromFile(FeatureExtractor):
    name = "from_file"

    def __init__(self, options):
        pass

    @classmethod
    def fingerprint(cls, options):
        return CONTENT[options.weights]

    def extract(self, images):
        return {"features": images.float().flatten(1)}


@pytest.fixture
def features(choice):
    def identity(images=IMAGES, options=None, device="cpu", batch_size=64, cls=Pixels):
        return features_identity(images, choice(cls, options or PixelsOptions(4)), device, batch_size)

    return identity


def test_features_are_of_a_collection_from_its_first_image_on(features):
    assert features(IMAGES.part(0, 7)) == features(IMAGES)
    assert features(IMAGES.part(1, 7)).id != features(IMAGES).id
    assert features(NoiseImages((1, 4, 4), 20, seed=1)).id != features().id


def test_options_device_batch_size_and_extractor_count(features):
    others = [
        features(options=PixelsOptions(2)),
        features(device="cuda"),
        features(batch_size=32),
        features(options=FileOptions("a"), cls=FromFile),
    ]
    assert len({identity.id for identity in [features(), *others]}) == 5


def test_the_weights_count_and_not_where_they_lie(features):
    a, copy, b = (features(options=FileOptions(name), cls=FromFile) for name in CONTENT)
    assert a == copy
    assert a.id != b.id
    assert counted_options(FileOptions("a")) == {"size": 8}


def test_the_parts_say_what_differs(features):
    one, other = features().parts, features(batch_size=32).parts
    assert {name for name in one if one[name] != other[name]} == {"batch_size"}
    assert any("Pixels" in name for name in one["code"])
    assert any("extract" in name for name in one["harness"])


def test_a_score_is_of_what_was_read_with_which_options_by_which_metric():
    metric, options = KernelDistance(), KernelDistanceOptions()
    first = score_identity(metric, options, {"generated": ["id", 0, 10]})
    assert score_identity(KernelDistance(), KernelDistanceOptions(), {"generated": ["id", 0, 10]}) == first
    others = [
        score_identity(metric, options, {"generated": ["id", 0, 11]}),
        score_identity(metric, KernelDistanceOptions(50), {"generated": ["id", 0, 10]}),
        score_identity(PRDC(), options, {"generated": ["id", 0, 10]}),
    ]
    assert len({identity.id for identity in [first, *others]}) == 4
