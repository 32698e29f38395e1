"""The identity of a dataset: a hash of what is in it, never of where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from genbench.interfaces.data import DataSpec, ImageSet

BATCH = 1024
"""Images that are in memory at a time."""


def fingerprint(name: str, spec: DataSpec, splits: Mapping[str, ImageSet]) -> str:
    """SHA-256 (64 hexadecimal digits) of the dataset's name, its spec, and every split's name, images and columns.

    A JSON header with names, shapes and dtypes comes first, so that no two datasets share one stream of bytes; splits
    follow in alphabetical order, so that the order in which they were built does not matter.
    """
    ordered = sorted(splits.items())
    header = {
        "name": name,
        "spec": asdict(spec),
        "splits": {split_name: _described(split) for split_name, split in ordered},
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for _, split in ordered:
        for part in _content(split):
            digest.update(part)
    return digest.hexdigest()


def _described(split: ImageSet) -> dict[str, list[Any]]:
    """What the images and the columns are, without what is in them. Labels are called as they were first hashed."""
    described = {"images": ["torch.uint8", len(split), *(split.shape or ())]}
    for name, column in sorted(split.columns.items()):
        kind = [str(column.dtype), *column.shape] if isinstance(column, Tensor) else ["text", len(column)]
        described["labels" if name == "label" else name] = kind
    return described


def _content(split: ImageSet) -> Iterator[Any]:
    """The bytes of the images, then of the columns by name; texts as JSON."""
    for batch in split.batches(BATCH):
        yield batch.numpy().ravel().data
    for _, column in sorted(split.columns.items()):
        yield column.cpu().numpy().ravel().data if isinstance(column, Tensor) else json.dumps(list(column)).encode()
