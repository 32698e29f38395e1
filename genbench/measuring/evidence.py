"""Evidence: what there is to read about a row of the table, handed to a metric as far as it declared to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

from torch import Tensor

from genbench.interfaces.data import Column, DataSpec, ImageSet
from genbench.interfaces.drawing import LogProb
from genbench.interfaces.measurement import Measurement
from genbench.interfaces.measuring import SOURCES, UndeclaredReadError
from genbench.store.digests import digest

T = TypeVar("T")


@dataclass(frozen=True)
class Later(Generic[T]):
    """Something known by its id, computed once, when it is first read. `parts` are those of its id."""

    id: str
    load: Callable[[], T] = field(compare=False)
    parts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def value(self) -> T:
        """It."""
        return self.load()


@dataclass(frozen=True)
class Statistics:
    """Mean [D] and covariance [D, D] (float64) of a set's features, and of how many images, where that is known."""

    mean: Tensor
    covariance: Tensor
    count: int | None = None


@dataclass(frozen=True)
class ReferenceStatistics:
    """A reference of which no images are there, only statistics of its features by extractor. `id` names them."""

    id: str
    by_extractor: Mapping[str, Statistics]


@dataclass(frozen=True)
class Common:
    """What all rows are measured with: the reference, and what is known of the run. None is what there is not."""

    spec: DataSpec
    reference: ImageSet | ReferenceStatistics | None = None
    held_out: ImageSet | None = None
    training: ImageSet | None = None
    likelihood: Later[LogProb] | None = None


@dataclass(frozen=True)
class Row:
    """Images that are measured, and what is known of them alone: with which conditions they were asked for, what each
    should have been, and what the clock said.
    """

    images: ImageSet
    requests: Later[Mapping[str, Column]] | None = None
    pairs: ImageSet | None = None
    timing: Later[Mapping[str, Measurement]] | None = None

    def first(self, count: int) -> Row:
        """The first images alone. What the clock said is of all of them, and stays with them."""
        requests = self.requests
        if requests is not None:
            whole = requests
            requests = Later(
                digest(requests=whole.id, count=count),
                lambda: {name: column[:count] for name, column in whole.value.items()},
            )
        return replace(
            self,
            images=self.images.part(0, count),
            requests=requests,
            pairs=self.pairs.part(0, count) if self.pairs is not None else None,
            timing=None,
        )


SETS = ("generated", "reference", "held_out", "training", "pairs")
"""Sources that are image sets, of which an extractor has outputs."""
OF_DRAWN_IMAGES = ("requests", "pairs", "timing")
"""Sources that reference rows have not: their images were neither asked for nor drawn here."""
OF_A_ROW = ("generated", *OF_DRAWN_IMAGES)
"""Sources that differ between rows; a metric that reads none of them, nor any output, is measured once."""


def source_of(common: Common, row: Row, source: str) -> object:
    """What a metric reads under this name; None where there is none."""
    if source == "generated":
        return row.images
    return getattr(row if source in OF_DRAWN_IMAGES else common, source)


def image_set(common: Common, row: Row, source: str) -> ImageSet | None:
    """One of SETS; None where there is none, or only statistics of it are known."""
    images = source_of(common, row, source)
    return images if isinstance(images, ImageSet) else None


class RowEvidence:
    """The evidence about one row, for one metric (genbench.interfaces.measuring.Evidence).

    `outputs` gives an output of the extractor for one of SETS that exists. Reading what is not among the metric's
    `reads` raises UndeclaredReadError.
    """

    def __init__(
        self,
        common: Common,
        row: Row,
        reads: Sequence[str],
        extractor: str = "",
        outputs: Callable[[str, str], Tensor] | None = None,
    ) -> None:
        self.spec, self.extractor = common.spec, extractor
        self._common, self._row, self._reads, self._outputs = common, row, tuple(reads), outputs

    def _declared(self, *sources: str) -> None:
        for source in sources:
            if source not in self._reads:
                raise UndeclaredReadError(
                    f"the metric reads '{source}' without declaring it: `reads` is {', '.join(self._reads) or 'empty'}"
                )

    def _set(self, source: str) -> ImageSet | None:
        self._declared(source)
        return image_set(self._common, self._row, source)

    @property
    def generated(self) -> ImageSet:
        """The images that are measured."""
        self._declared("generated")
        return self._row.images

    @property
    def reference(self) -> ImageSet | None:
        """The real images that they are compared with."""
        return self._set("reference")

    @property
    def held_out(self) -> ImageSet | None:
        """Real images that nothing has learnt from."""
        return self._set("held_out")

    @property
    def training(self) -> ImageSet | None:
        """The images that the model learnt from."""
        return self._set("training")

    @property
    def pairs(self) -> ImageSet | None:
        """What each request should have given."""
        return self._set("pairs")

    @property
    def requests(self) -> Mapping[str, Column] | None:
        """The conditions by name, one entry per image."""
        self._declared("requests")
        if self._row.requests is None:
            return None
        columns = self._row.requests.value
        for name, column in columns.items():
            if len(column) != len(self._row.images):
                raise ValueError(f"there are {len(column)} entries of '{name}' for {len(self._row.images)} images")
        return columns

    @property
    def likelihood(self) -> LogProb | None:
        """Of the held-out images, by the model."""
        self._declared("likelihood")
        return self._common.likelihood.value if self._common.likelihood is not None else None

    @property
    def timing(self) -> Mapping[str, Measurement] | None:
        """The clock's numbers by name."""
        self._declared("timing")
        return self._row.timing.value if self._row.timing is not None else None

    def features(self, of: str = "generated", output: str = "features") -> Tensor | None:
        """One output of the extractor, float32 [N, ...], for one of SETS; None where there is no such set."""
        self._declared(of, output)
        if of not in SETS or output in SOURCES:
            raise ValueError(f"an extractor has no output '{output}' of '{of}': it sees {', '.join(SETS)}")
        if self._outputs is None or image_set(self._common, self._row, of) is None:
            return None
        return self._outputs(of, output)

    def statistics(self) -> tuple[Tensor, Tensor, int | None] | None:
        """Mean, covariance and count of the reference's features, where these are all that is known of it."""
        self._declared("reference")
        if not isinstance(self._common.reference, ReferenceStatistics):
            return None
        known = self._common.reference.by_extractor.get(self.extractor)
        return (known.mean, known.covariance, known.count) if known else None
