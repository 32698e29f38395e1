"""Features in the store: extracted where they are missing, by all ranks together, and mapped for who reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from genbench.interfaces.data import ImageSet
from genbench.interfaces.measuring import FeatureExtractor
from genbench.interfaces.ranks import Ranks
from genbench.measuring.extraction import ExtractionError, extract
from genbench.measuring.identity import Identity, features_identity
from genbench.registry.choice import Choice
from genbench.store.artifacts import Store
from genbench.store.maps import RowMap
from genbench.store.records import Made

Report = Callable[[str, int, int, str], None]
"""Hears of progress: an activity, how much is done, of how much, and a detail."""
Describe = Callable[[Identity, Mapping[str, str]], Callable[[float], Made]]
"""Where an artifact comes from, by its identity and the versions of the libraries that its code imports: what the store
is told, given the seconds that making it took.
"""


class Extracted:
    """The features of image sets by extractor. Extractors are built at once, so that weights which cannot be had are
    known before hours of work, and moved to the device when they are first needed.
    """

    def __init__(
        self,
        store: Store,
        extractors: Mapping[str, Choice],
        device: torch.device,
        batch_size: int,
        ranks: Ranks,
        describe: Describe | None,
        report: Report,
    ) -> None:
        self.store, self.choices, self.device, self.batch_size = store, dict(extractors), device, batch_size
        self.ranks, self.describe, self.report = ranks, describe, report
        self.extractors: dict[str, FeatureExtractor] = {name: choice.build() for name, choice in extractors.items()}
        self.made: set[str] = set()
        """Ids of the features that were extracted here."""
        self._identities: dict[tuple[str, str, int], Identity] = {}
        self._failures: dict[str, str] = {}
        self._tensors: dict[tuple[str, int, str], Tensor] = {}

    def identity(self, extractor: str, images: ImageSet) -> Identity:
        """Of the features of these images."""
        key = extractor, images.id, images.first
        if key not in self._identities:
            choice = self.choices[extractor]
            self._identities[key] = features_identity(images, choice, self.device.type, self.batch_size)
        return self._identities[key]

    def complete(self, needed: Iterable[tuple[str, ImageSet, str]]) -> None:
        """Extract what is missing: extractor, images and what these are called. Called by all ranks with the same.

        What goes wrong is kept, and raised when the features are read.
        """
        longest: dict[str, tuple[str, ImageSet, str]] = {}
        for extractor, images, name in needed:
            id = self.identity(extractor, images).id
            if id not in longest or len(images) > len(longest[id][1]):
                longest[id] = extractor, images, name
        for extractor, images, name in longest.values():
            self._complete(extractor, images, name)

    def _complete(self, extractor: str, images: ImageSet, name: str) -> None:
        identity, ranks = self.identity(extractor, images), self.ranks
        rows = self.store.rows("features", identity.id) if ranks.rank == 0 else None
        if ranks.broadcast(rows is not None and len(rows) >= len(images)):
            return
        component = self.extractors[extractor]
        component.to(self.device)
        hear = partial(self._progress, f"extracting {extractor}", name)
        try:
            if ranks.rank == 0:
                made = self.describe(identity, identity.libraries) if self.describe else None
                with self.store.grow("features", identity.id, made) as growing:
                    extract(component, images, self.batch_size, growing, ranks, hear)
            else:
                extract(component, images, self.batch_size, None, ranks)
            self.made.add(identity.id)
        except ExtractionError as error:
            self._failures[identity.id] = str(error)

    def _progress(self, activity: str, name: str, done: int, count: int) -> None:
        self.report(activity, done, count, name)

    def output(self, extractor: str, images: ImageSet, output: str) -> Tensor:
        """One output of the extractor for these images, float32 [N, ...], mapped from the store. The same object for
        the same images. Raises ExtractionError where it could not be extracted.
        """
        id = self.identity(extractor, images).id
        key = id, len(images), output
        if key not in self._tensors:
            rows = self.store.rows("features", id)
            if rows is None or len(rows) < len(images):
                raise ExtractionError(self._failures.get(id, f"the features of {images.id} were not extracted"))
            self._tensors[key] = _mapped(rows, output)[: len(images)]
        return self._tensors[key]


def _mapped(rows: RowMap, output: str) -> Tensor:
    """All rows of one array, as a private memory map: what is read of it is the file's, and never written back."""
    shape = (len(rows), *rows.formats[output].shape)
    return torch.from_file(str(rows.file(output)), shared=False, size=math.prod(shape)).reshape(shape)
