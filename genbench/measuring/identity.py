"""The ids of features and scores: equal ids promise equal numbers, and the parts of each say what it depends on.

features = H(id of the images without their count; extractor: options, weights, libraries, code; kind of device, batch
             size, code of extraction)
score    = H(ids of what the metric reads, its options, code)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from genbench.interfaces.data import ImageSet
from genbench.interfaces.measuring import Metric
from genbench.measuring.extraction import extract
from genbench.registry.choice import Choice
from genbench.registry.code import code, libraries
from genbench.store.digests import digest, plain

FINGERPRINTED = "fingerprinted"
"""Metadata of an option that only says where something lies: its content is in the extractor's fingerprint, so the
path is in no id and no protocol."""


@dataclass(frozen=True)
class Identity:
    """An artifact's id, the parts that it is a digest of, and the versions of the libraries that its code calls."""

    id: str
    parts: Mapping[str, Any]
    libraries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, libraries: Mapping[str, str] | None = None, /, **parts: Any) -> Identity:
        """The parts as plain JSON values, and their digest."""
        values = {name: plain(value) for name, value in parts.items()}
        return cls(digest(**values), values, libraries or {})


def features_identity(images: ImageSet, extractor: Choice, device_kind: str, batch_size: int) -> Identity:
    """Of the features of the collection that these images are from. Rows count from `images.first`, so that sets which
    begin at the same image share them, however long each is.

    `device_kind` is "cpu" or "cuda". Raises what the extractor's `fingerprint` raises.
    """
    cls, versions = extractor.entry.load(), libraries(extractor.entry.load())
    return Identity.of(
        versions,
        images=images.id,
        first=images.first,
        options=counted_options(extractor.options),
        weights=cls.fingerprint(extractor.options),
        libraries=versions,
        device=device_kind,
        batch_size=batch_size,
        code=code(cls, given=(extractor.options,)).parts,
        harness=code(extract).parts,
    )


def score_identity(metric: Metric, options: Any, reads: Mapping[str, Any]) -> Identity:
    """Of what a metric measures. `reads` holds, by the names that it declares, the ids of what it reads."""
    cls = type(metric)
    parts = plain({"reads": reads, "options": counted_options(options), "code": code(cls, given=(options,)).parts})
    return Identity(digest(**parts), parts, libraries(cls))


def counted_options(options: Any) -> dict[str, Any]:
    """The options of a component by name, in their plain form, without those that its fingerprint covers."""
    if not is_dataclass(options):
        return {}
    return {
        item.name: plain(getattr(options, item.name))
        for item in fields(options)
        if not item.metadata.get(FINGERPRINTED)
    }
