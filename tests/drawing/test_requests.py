"""Requests are functions of the image's number; texts stay on the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genbench.drawing.requests import PIECE, Requests
from genbench.drawing.seeds import image_keys, mix, name_seed
from genbench.interfaces.data import Column, Dataset


def test_requests_are_a_function_of_the_image_number(requests: Requests) -> None:
    fours, threes = ([requests.batch(start, size) for start in range(0, 12, size)] for size in (4, 3))
    keys = torch.cat([request.keys for request in fours])
    assert keys.tolist() == image_keys(7, 0, 12).tolist() == torch.cat([r.keys for r in threes]).tolist()
    assert len(set(keys.tolist())) == 12
    assert [text for r in fours for text in r.conditions["caption"]] == [f"image {i}" for i in range(12)]


def test_tensors_go_to_the_device_and_texts_stay_on_the_host(requests: Requests) -> None:
    request = replace(requests, device=torch.device("meta")).batch(20, 2)
    assert request.keys.device.type == "meta"
    label = request.conditions["label"]
    assert isinstance(label, Tensor)
    assert label.device.type == "meta"
    assert request.conditions["caption"] == ("image 20", "image 21")


def test_columns_are_those_of_the_batches_asked_for_in_bounded_pieces(requests: Requests) -> None:
    asked: list[int] = []

    class Watched(type(requests.task)):  # type: ignore[misc]
        def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
            asked.append(len(keys))
            return super().request(dataset, keys, start)  # type: ignore[no-any-return]

    columns = replace(requests, task=Watched()).columns(3, 2 * PIECE + 5)
    assert asked == [PIECE, PIECE, 5]
    assert columns["label"].tolist() == [i % 10 for i in range(3, 2 * PIECE + 8)]  # type: ignore[union-attr]
    assert columns["caption"] == tuple(f"image {i}" for i in range(3, 2 * PIECE + 8))
    assert requests.columns(0, 0) == {}


def test_a_task_that_gives_another_number_of_conditions_is_named(requests: Requests) -> None:
    class Short(type(requests.task)):  # type: ignore[misc]
        def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
            return {"caption": ["only one"]}

    with pytest.raises(ValueError, match="task Short gave 1 entries of condition 'caption' for 4 images"):
        replace(requests, task=Short()).batch(8, 4)


def test_a_names_seed_is_the_same_for_ever_and_fits_in_63_bits() -> None:
    assert name_seed("denoiser") == 0x618198202A00E34C  # half of the first 64 bits of its SHA-256
    names = [f"stage {i}" for i in range(1000)]
    assert len({name_seed(name) for name in names}) == 1000
    assert all(0 <= name_seed(name) < 2**63 for name in names)
    assert mix(0, name_seed("a")) != mix(0, name_seed("b"))
