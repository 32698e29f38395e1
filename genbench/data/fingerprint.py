"""The identity of a dataset: a hash of what is in it, never of where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from genbench.interfaces.data import DataSpec, Split


def fingerprint(name: str, spec: DataSpec, splits: Mapping[str, Split]) -> str:
    """SHA-256 (64 hexadecimal digits) of the dataset's name, its spec, and every split's name, images and labels.

    A JSON header with names, shapes and dtypes comes first, so that no two datasets share one stream of bytes; splits
    follow in alphabetical order, so that the order in which they were built does not matter.
    """
    tensors = {
        split_name: [("images", split.images)] + ([] if split.labels is None else [("labels", split.labels)])
        for split_name, split in sorted(splits.items())
    }
    header = {
        "name": name,
        "spec": asdict(spec),
        "splits": {
            split_name: {part: [str(tensor.dtype), *tensor.shape] for part, tensor in parts}
            for split_name, parts in tensors.items()
        },
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for parts in tensors.values():
        for _, tensor in parts:
            digest.update(tensor.cpu().numpy().ravel().data)
    return digest.hexdigest()
