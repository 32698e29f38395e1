"""Image sets that lie nowhere, made a batch at a time and the same however they are cut; sets of what callers have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

from genbench.images import ArrayImages
from genbench.interfaces.data import Dataset, DataSpec
from genbench.measuring.image_sets import NoiseImages, PairImages, image_set, spec_of


@pytest.fixture(params=[(1, 8, 8), (3, 5, 7)], ids=str)
def noise(request: pytest.FixtureRequest) -> NoiseImages:
    return NoiseImages(request.param, 50)


def test_noise_is_the_same_however_it_is_cut(noise: NoiseImages) -> None:
    whole = noise.read(0, 50)
    assert whole.shape == (50, *noise.shape)
    for size in (1, 7, 64):
        assert torch.equal(torch.cat(list(noise.batches(size))), whole)
    indices = torch.tensor([41, 3, 3, 0])
    assert torch.equal(noise.take(indices), whole[indices])
    part = noise.part(10, 30)
    assert (part.id, part.first, len(part)) == (noise.id, 10, 30)
    assert torch.equal(part.part(5, 4).read(0, 4), whole[15:19])


def test_noise_is_uniform_and_images_differ(noise: NoiseImages) -> None:
    bytes_ = NoiseImages(noise.shape, 2000).read(0, 2000)
    counts = np.bincount(bytes_.flatten().numpy(), minlength=256)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    assert len({image.numpy().tobytes() for image in bytes_}) == 2000
    correlation = np.corrcoef(bytes_[:-1].flatten().double().numpy(), bytes_[1:].flatten().double().numpy())[0, 1]
    assert abs(correlation) < 0.02


def test_noise_never_changes() -> None:
    assert NoiseImages((1, 2, 2), 3).read(2, 3).flatten().tolist() == [93, 148, 129, 247]


def test_noise_is_named_by_its_seed_and_not_by_its_count(noise: NoiseImages) -> None:
    assert NoiseImages(noise.shape, 99).id == noise.id
    assert NoiseImages(noise.shape, 50, seed=1).id != noise.id
    assert not torch.equal(NoiseImages(noise.shape, 50, seed=1).read(0, 1), noise.read(0, 1))


@pytest.mark.parametrize("make", [lambda: NoiseImages((1, 8, 8), 5), lambda: pairs(5)], ids=["noise", "pairs"])
def test_what_is_not_there_cannot_be_read(make) -> None:
    images = make()
    with pytest.raises(IndexError, match="images 3 to 6 of 5"):
        images.read(3, 6)
    with pytest.raises(ValueError, match="there are 5 images, not 3 from number 3 on"):
        images.part(3, 3)


class Brighter:
    """What was asked for is the training image of that number, brighter by its key."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def pairs(self, dataset: Dataset, keys: torch.Tensor, start: int) -> ArrayImages | None:
        self.asked.append((start, len(keys)))
        images = dataset.splits["train"].read(start, start + len(keys))
        return ArrayImages("pairs", images + keys.to(torch.uint8)[:, None, None, None])


class Unpaired(Brighter):
    def pairs(self, dataset: Dataset, keys: torch.Tensor, start: int) -> ArrayImages | None:
        return None


TRAIN = torch.arange(40, dtype=torch.uint8).reshape(10, 1, 2, 2)
DATASET = Dataset("made_up", DataSpec(1, 2, 2), {"train": ArrayImages("train", TRAIN)}, "fingerprint")


def pairs(count: int, task: Brighter | None = None) -> PairImages:
    return PairImages(
        "pairs", task or Brighter(), DATASET, lambda first, count: torch.arange(first, first + count), count
    )


def test_pairs_are_asked_of_the_task_a_batch_at_a_time() -> None:
    task = Brighter()
    images = pairs(10, task)
    expected = TRAIN + torch.arange(10, dtype=torch.uint8)[:, None, None, None]
    assert images.shape == (1, 2, 2)
    task.asked.clear()
    assert torch.equal(torch.cat(list(images.batches(4))), expected)
    assert task.asked == [(0, 4), (4, 4), (8, 2)]
    assert torch.equal(images.part(3, 5).read(1, 3), expected[4:6])
    assert torch.equal(images.take(torch.tensor([9, 0])), expected[[9, 0]])


def test_a_task_without_pairs_is_named() -> None:
    with pytest.raises(ValueError, match="task Unpaired has no pairs"):
        pairs(3, Unpaired())


def test_tensors_arrays_and_folders_are_image_sets_named_by_their_content(tmp_path: Path) -> None:
    tensor = torch.randint(256, (5, 3, 4, 6), dtype=torch.uint8)
    from_tensor, from_array = image_set(tensor), image_set(tensor.numpy())
    assert from_tensor.id == from_array.id != image_set(tensor + 1).id
    assert image_set(tensor.reshape(5, 3, 6, 4)).id != from_tensor.id
    assert torch.equal(from_array.read(1, 4), tensor[1:4])
    assert image_set(from_tensor) is from_tensor
    Image.fromarray(tensor[0].permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    assert torch.equal(image_set(str(tmp_path)).read(0, 1), tensor[:1])
    for wrong, message in ((tensor.float(), "uint8"), (3, "not int")):
        with pytest.raises(ValueError, match=message):
            image_set(wrong)


def test_a_spec_is_read_off_the_images() -> None:
    assert spec_of(image_set(torch.zeros(2, 3, 4, 6, dtype=torch.uint8))) == DataSpec(3, 4, 6)
