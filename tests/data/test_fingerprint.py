"""The dataset fingerprint changes with everything it covers and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from genbench.data.fingerprint import fingerprint
from genbench.interfaces.data import DataSpec, Split

SPEC = DataSpec(channels=1, height=2, width=2, classes=("a", "b"))


def splits() -> dict[str, Split]:
    images = torch.arange(24, dtype=torch.uint8).reshape(6, 1, 2, 2)
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    return {"train": Split(images[:4].clone(), labels[:4].clone()), "held_out": Split(images[4:].clone(), None)}


BASE = fingerprint("toy", SPEC, splits())


def test_equal_content_gives_equal_fingerprints_in_any_order_of_splits_and_memory() -> None:
    other = dict(reversed(splits().items()))
    images = other["train"].images
    strided = images.transpose(2, 3).contiguous().transpose(2, 3)
    assert not strided.is_contiguous()
    other["train"] = replace(other["train"], images=strided)
    assert fingerprint("toy", SPEC, other) == BASE


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_one_level_in_one_pixel_changes_it(split: str) -> None:
    changed = splits()
    changed[split].images[-1, 0, 1, 1] += 1
    assert fingerprint("toy", SPEC, changed) != BASE


def test_one_label_changes_it() -> None:
    changed = splits()
    labels = changed["train"].labels
    assert labels is not None
    labels[0] = 1
    assert fingerprint("toy", SPEC, changed) != BASE


def test_another_division_of_the_same_images_changes_it() -> None:
    whole = splits()
    images = torch.cat([whole["train"].images, whole["held_out"].images])
    changed = {"train": Split(images[:5]), "held_out": Split(images[5:])}
    unlabelled = {"train": Split(images[:4]), "held_out": Split(images[4:])}
    prints = {fingerprint("toy", SPEC, changed), fingerprint("toy", SPEC, unlabelled), BASE}
    assert len(prints) == 3


def test_name_spec_split_names_and_shapes_are_covered() -> None:
    renamed = {"train": splits()["train"], "test": splits()["held_out"]}
    reshaped = {name: replace(split, images=split.images.reshape(-1, 1, 1, 4)) for name, split in splits().items()}
    prints = {
        fingerprint("other", SPEC, splits()),
        fingerprint("toy", replace(SPEC, levels=17), splits()),
        fingerprint("toy", SPEC, renamed),
        fingerprint("toy", SPEC, reshaped),
        BASE,
    }
    assert len(prints) == 5
