"""The dataset fingerprint changes with everything it covers and with nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genbench.data import fingerprint as module
from genbench.data.fingerprint import fingerprint
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, DataSpec

SPEC = DataSpec(channels=1, height=2, width=2, classes=("a", "b"))
IMAGES = torch.arange(24, dtype=torch.uint8).reshape(6, 1, 2, 2)
LABELS = torch.tensor([0, 1, 0, 1, 0, 1])


def split(images: Tensor, columns: Mapping[str, Column] | None = None) -> ArrayImages:
    return ArrayImages("", images, columns)


def splits(images: Tensor = IMAGES, labels: Tensor = LABELS, at: int = 4) -> dict[str, ArrayImages]:
    """The training split has labels, the other has none."""
    return {"train": split(images[:at], {"label": labels[:at]}), "held_out": split(images[at:])}


BASE = fingerprint("toy", SPEC, splits())


def test_it_is_the_one_that_stored_results_carry() -> None:
    assert BASE == "6601160b065598c9dd6b714c05f72cddf4cb8e174c2496ee4038ab6f850498bb"


def test_equal_content_gives_equal_fingerprints_in_any_order_of_splits_and_memory() -> None:
    other = dict(reversed(splits().items()))
    strided = IMAGES[:4].transpose(2, 3).contiguous().transpose(2, 3)
    assert not strided.is_contiguous()
    other["train"] = split(strided, {"label": LABELS[:4]})
    assert fingerprint("toy", SPEC, other) == BASE


def test_it_does_not_depend_on_how_many_images_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    assert fingerprint("toy", SPEC, splits()) == BASE


@pytest.mark.parametrize("image", [0, 3, 5])
def test_one_level_in_one_pixel_changes_it(image: int) -> None:
    changed = IMAGES.clone()
    changed[image, 0, 1, 1] += 1
    assert fingerprint("toy", SPEC, splits(changed)) != BASE


def test_one_label_changes_it() -> None:
    assert fingerprint("toy", SPEC, splits(labels=torch.tensor([1, 1, 0, 1, 0, 1]))) != BASE


def test_another_division_of_the_same_images_changes_it() -> None:
    unlabelled = {"train": split(IMAGES[:4]), "held_out": split(IMAGES[4:])}
    assert len({fingerprint("toy", SPEC, splits(at=5)), fingerprint("toy", SPEC, unlabelled), BASE}) == 3


def test_name_spec_split_names_and_shapes_are_covered() -> None:
    renamed = {"train": splits()["train"], "test": splits()["held_out"]}
    prints = {
        fingerprint("other", SPEC, splits()),
        fingerprint("toy", replace(SPEC, levels=17), splits()),
        fingerprint("toy", SPEC, renamed),
        fingerprint("toy", SPEC, splits(IMAGES.reshape(-1, 1, 1, 4))),
        BASE,
    }
    assert len(prints) == 5


def test_texts_and_the_column_that_they_stand_in_are_covered() -> None:
    def with_texts(column: str, texts: list[str]) -> str:
        return fingerprint("toy", SPEC, {**splits(), "held_out": split(IMAGES[4:], {column: texts})})

    prints = {
        with_texts("caption", ["a red cat", "a dog"]),
        with_texts("group", ["a red cat", "a dog"]),
        with_texts("caption", ["a red cat", "a dög"]),
        with_texts("caption", ["a red", "cat a dog"]),
        BASE,
    }
    assert len(prints) == 5
