"""Made-up evidence for metrics: image sets, features, requests, pairs, likelihood and timing, all of one seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from genbench.drawing.seeds import mix, name_seed
from genbench.images import ArrayImages
from genbench.interfaces.data import Column, ImageSet
from genbench.interfaces.drawing import LogProb
from genbench.interfaces.measurement import Measurement
from genbench.measuring.evidence import Common, Later, Row, RowEvidence
from genbench.testing.made_up import GREY, SIZES, entries, made_up

GENERATED = 40
"""Images that are measured."""
WIDTHS = {"features": 8, "logits": 5}
"""Numbers of an output for one image; others have as many as features."""


def conditions() -> dict[str, Column]:
    """What the generated images were asked for with: a label, a caption, an image and a mask each."""
    held_out = made_up(GREY).splits["held_out"]
    order = torch.arange(GENERATED) % len(held_out)
    return {name: entries(column, order) for name, column in held_out.columns.items()}


@dataclass
class MadeUpEvidence:
    """Everything that a metric may read about 40 generated images of 8 x 8, compared with 48 real ones.

    `without` names sources that are not there (None); of the generated images only the first `count` are; the reference
    comes in the order of `reference_seed`, 0 being the usual one.
    """

    requests: Mapping[str, Column] = field(default_factory=conditions)
    without: Collection[str] = ()
    count: int = GENERATED
    reference_seed: int = 0
    outputs: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    """The outputs that were read, by (set, output): the same tensor whoever asks."""

    def __post_init__(self) -> None:
        dataset = made_up(GREY)
        train, held_out = dataset.splits["train"], dataset.splits["held_out"]
        self._order = torch.arange(len(train))
        if self.reference_seed:
            self._order = torch.randperm(len(train), generator=torch.Generator().manual_seed(self.reference_seed))
        reference = ArrayImages("reference", train.take(self._order), _columns(train, self._order))
        sets: dict[str, Any] = {"reference": reference, "held_out": held_out, "training": train}
        sets["likelihood"] = Later("likelihood", lambda: LogProb(-300 - 10 * _normal("nats", (24,)).double(), 17, True))
        pairs = ArrayImages("pairs", _images(held_out, "pairs"))
        row: dict[str, Any] = {"pairs": pairs, "requests": Later("requests", lambda: self.requests)}
        row["timing"] = Later("timing", _timing)
        self.common = Common(GREY, **{name: part for name, part in sets.items() if name not in self.without})
        whole = Row(
            ArrayImages("generated", _images(held_out, "generated")),
            **{name: part for name, part in row.items() if name not in self.without},
        )
        self.row = replace(whole.first(self.count), timing=whole.timing)

    def for_metric(self, reads: Collection[str], extractor: str = "made_up") -> RowEvidence:
        """What a metric that declares these `reads` is given."""
        return RowEvidence(self.common, self.row, tuple(reads), extractor, self.output)

    def output(self, of: str, output: str) -> Tensor:
        """An output of the made-up extractor for a set: normal numbers, shifted a little for generated images."""
        if (of, output) not in self.outputs:
            size = {"generated": GENERATED, "pairs": GENERATED, "held_out": SIZES["held_out"]}.get(of, SIZES["train"])
            name = "training" if of == "reference" else of  # the same images have the same features
            values = _normal(f"{name}/{output}", (size, WIDTHS.get(output, WIDTHS["features"])))
            values += 0.2 * (of == "generated")
            if of == "reference":
                values = values[self._order]
            self.outputs[of, output] = values[: self.count] if of in ("generated", "pairs") else values
        return self.outputs[of, output]


def _columns(images: ImageSet, order: Tensor) -> dict[str, Column]:
    return {name: entries(column, order) for name, column in images.columns.items()}


def _images(held_out: ImageSet, name: str) -> Tensor:
    """Held-out images, one for each request, with a little noise: uint8 [40, 1, 8, 8]."""
    images = held_out.take(torch.arange(GENERATED) % len(held_out)).float()
    return (images + 8 * _normal(name, tuple(images.shape))).clamp(0, 255).round().to(torch.uint8)


def _normal(name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(mix(name_seed(name))))


def _timing() -> dict[str, Measurement]:
    numbers = {"images_per_second": 1000.0, "latency_ms_p50": 2.0, "latency_ms_p90": 3.0, "nfe": 10.0}
    return {name: Measurement(value=value, standard_error=0.1, estimand=name, n=10) for name, value in numbers.items()}
