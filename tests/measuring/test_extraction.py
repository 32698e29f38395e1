"""One pass over an image set: whole batches, resumed where it was left, the same on several ranks, checked rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genbench.features.options import PixelsOptions
from genbench.features.pixels import Pixels
from genbench.images import ArrayImages
from genbench.interfaces.measuring import FeatureExtractor
from genbench.measuring.extraction import ExtractionError, extract, extract_batch
from genbench.measuring.image_sets import NoiseImages

SIZE = 4


class Counting(FeatureExtractor):
    """The mean of each image, plus how many images it was seen with: a row that depends on its batch would show."""

    name = "counting"
    outputs = ("features", "logits")

    def __init__(self) -> None:
        self.seen: list[int] = []

    def extract(self, images):
        self.seen.append(len(images))
        features = images.double().flatten(1).mean(1, keepdim=True) + len(images)
        return {"features": features, "logits": images.double().flatten(1)[:, :3]}


def collection(count: int) -> NoiseImages:
    return NoiseImages((1, 3, 3), count)


def extracted(store, images, extractor=None, name="rows"):
    extractor = extractor or Counting()
    with store.grow("features", name) as rows:
        extract(extractor, images, SIZE, rows)
    return store.rows("features", name), extractor


def contents(rows):
    return {name: np.array(rows[name]) for name in rows.formats}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def test_every_output_of_every_image_in_order(store):
    images = collection(10)
    rows, _ = extracted(store, images)
    pixels = images.read(0, 10).double().flatten(1)
    assert len(rows) == 10
    assert rows["features"].dtype == rows["logits"].dtype == np.float32
    np.testing.assert_allclose(rows["features"][:, 0], pixels.mean(1) + SIZE, rtol=1e-6)
    np.testing.assert_array_equal(rows["logits"], pixels[:, :3])


def test_the_last_batch_is_as_large_as_any(store):
    _, extractor = extracted(store, collection(10))
    assert extractor.seen == [4, 4, 4]


@pytest.mark.parametrize("first", [3, 4, 9, 10])
def test_a_longer_set_goes_on_where_a_shorter_one_ended(store, first):
    undisturbed, _ = extracted(store, collection(17), name="undisturbed")
    extracted(store, collection(first))
    grown, extractor = extracted(store, collection(17))
    assert_equal(contents(grown), contents(undisturbed))
    assert len(extractor.seen) == 5 - first // SIZE
    again, extractor = extracted(store, collection(6))
    assert (len(again), extractor.seen) == (17, [])


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("have", [0, 6])
def test_ranks_share_the_batches_and_give_the_same_rows(store, on_ranks, count, have):
    alone, _ = extracted(store, collection(29), name="alone")
    if have:
        extracted(store, collection(have))
    extractors = [Counting() for _ in range(count)]

    def work(ranks):
        if ranks.rank > 0:
            return extract(extractors[ranks.rank], collection(29), SIZE, None, ranks)
        with store.grow("features", "rows") as rows:
            return extract(extractors[0], collection(29), SIZE, rows, ranks)

    assert on_ranks(count, work) == [None] * count
    assert_equal(contents(store.rows("features", "rows")), contents(alone))
    batches = [len(extractor.seen) for extractor in extractors]
    assert sum(batches) == 8 - have // SIZE
    assert max(batches) - min(batches) <= 1


def test_no_more_than_one_batch_is_read_before_its_rows_are_written(store):
    events = []

    class Watched(NoiseImages):
        def read(self, start, stop):
            events.append(stop - start)
            return super().read(start, stop)

    with store.grow("features", "rows") as rows:
        append = rows.append
        rows.append = lambda batch: events.append("written") or append(batch)
        extract(Counting(), Watched((1, 3, 3), 10), SIZE, rows)
    assert events == [4, "written", 4, "written", 2, "written"]


def test_progress_is_told(store):
    heard = []
    with store.grow("features", "rows") as rows:
        extract(Counting(), collection(10), SIZE, rows, report=lambda done, count: heard.append((done, count)))
    assert heard == [(4, 10), (8, 10), (10, 10)]


class Broken(FeatureExtractor):
    """Wrong in one way, from the second batch on."""

    name = "broken"

    def __init__(self, how):
        self.how, self.calls = how, 0

    def extract(self, images):
        self.calls += 1
        features = images.float().flatten(1)
        if self.calls < 2:
            return {"features": features}
        if self.how == "nan":
            features[2, 0] = torch.nan
        return {
            "rows": {"features": features[:-1]},
            "integers": {"features": features.long()},
            "names": {"feature": features},
            "width": {"features": features[:, 1:]},
            "nan": {"features": features},
            "raises": {},
        }[self.how if self.how != "raises" else images.undefined]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("rows", r"features=broken gave 'features' as torch.float32 \[3, 9\] for 4 images: one row of floats for each"),
        ("integers", r"gave 'features' as torch.int64"),
        ("names", r"features=broken gave 'feature', and declares 'features' in `outputs`"),
        ("width", r"gave 'features' of shape \[8\] for image 4 and \[9\] before it"),
        ("nan", r"features=broken gave 'features' with NaN or infinity for image 6"),
        ("raises", r"features=broken: AttributeError: 'Tensor' object has no attribute 'undefined'"),
    ],
)
def test_what_an_extractor_may_not_give_is_said_in_a_line(store, on_ranks, how, message):
    with pytest.raises(ExtractionError, match=message) as caught:
        extracted(store, collection(12), Broken(how))
    assert "\n" not in str(caught.value)
    assert len(store.rows("features", "rows")) == 4  # what was right is kept

    def work(ranks):
        extractor = Broken(how)
        extractor.calls = ranks.rank  # rank 1's first batch is the second of the set
        if ranks.rank > 0:
            return extract(extractor, collection(12), SIZE, None, ranks)
        with store.grow("features", "ranks") as rows:
            return extract(extractor, collection(12), SIZE, rows, ranks)

    failures = on_ranks(2, work)
    assert [type(failure) for failure in failures] == [ExtractionError] * 2
    assert str(failures[0]) == str(failures[1]) == str(caught.value)


class Sizes(ArrayImages):
    """Images of several sizes: 4x4, but the third of them 4x6."""

    def __init__(self) -> None:
        super().__init__("sizes", NoiseImages((3, 4, 6), 5).read(0, 5))
        self.shape = None

    def read(self, start, stop):
        if stop - start > 1:
            raise ValueError("read them one at a time")
        return super().read(start, stop)[..., : 6 if start == 2 else 4]


def test_images_of_several_sizes_need_an_extractor_that_resizes():
    resized = extract_batch(Pixels(PixelsOptions(2)), Sizes(), 0, 8)["features"]
    assert resized.shape == (5, 12)
    assert torch.equal(resized[2:3], Pixels(PixelsOptions(2)).extract(Sizes().read(2, 3))["features"])
    with pytest.raises(ExtractionError, match=r"\[72\] for image 2 and \[48\] before it: .* several sizes need"):
        extract_batch(Pixels(), Sizes(), 0, 8)
