"""Image sets to scores: one extraction pass per set and extractor feeds every metric, and each score is made once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genbench.interfaces.data import Dataset
from genbench.interfaces.drawing import HasLikelihood
from genbench.interfaces.measurement import Direction, Measurement
from genbench.interfaces.measuring import FeatureExtractor, Features, Metric
from genbench.measuring.extraction import extract
from genbench.running.identity import digest, score_id
from genbench.running.plan import Choice
from genbench.store.artifacts import Store


@dataclass(frozen=True)
class ImageSet:
    """uint8 images [N, C, H, W] with an id that names their content, loaded only if something has to be computed."""

    id: str
    load: Callable[[], Tensor]


def real_images(dataset: Dataset, split: str) -> ImageSet:
    """One split of a dataset."""
    return ImageSet(digest(dataset=dataset.fingerprint, split=split), lambda: dataset.splits[split].images)


def uniform_noise(dataset: Dataset, count: int) -> ImageSet:
    """Bytes drawn uniformly, of the dataset's shape: what the worst generator would do."""

    def draw() -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (count, *dataset.spec.shape), generator=generator, dtype=torch.uint8)

    return ImageSet(digest(noise="uniform", shape=dataset.spec.shape, count=count, seed=0), draw)


class Evaluator:
    """Scores image sets against one reference set, with every extractor and metric asked for.

    Results are keyed "<extractor>/<metric>". `store` keeps features and scores; `note` hears what was left out.
    """

    def __init__(
        self,
        store: Store,
        features: Mapping[str, Choice],
        metrics: Mapping[str, Choice],
        reference: ImageSet,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.store, self.reference, self.note = store, reference, note
        self.extractors: dict[str, FeatureExtractor] = {name: choice.build() for name, choice in features.items()}
        self.metrics = dict(metrics)
        # One object for all sets of one extractor: what it computes on the reference alone it may remember.
        self._built: dict[tuple[str, str], Metric] = {
            (extractor, name): choice.build() for extractor in features for name, choice in metrics.items()
        }
        self._features: dict[tuple[str, str], Features] = {}

    def score(
        self, images: ImageSet, n: int, report: Callable[[str], None] = lambda score: None
    ) -> dict[str, Measurement]:
        """Every measurement of the first n images; a metric that cannot be computed from an extractor is left out.

        `report` hears of each score before it is made.
        """
        found: dict[str, Measurement] = {}
        for name, extractor in self.extractors.items():
            for chosen, choice in self.metrics.items():
                report(f"{name}/{chosen}")
                key = score_id(images.id, self.reference.id, n, extractor.fingerprint, choice)
                measure = partial(self._measure, images, n, extractor, self._built[name, chosen])
                content, _ = self.store.make_json("scores", key, measure)
                if content["reason"]:
                    self.note(f"{name}/{chosen} left out at n = {n}: {content['reason']}")
                found |= {f"{name}/{metric}": _measurement(value) for metric, value in content["measurements"].items()}
        return found

    def _measure(self, images: ImageSet, n: int, extractor: FeatureExtractor, metric: Metric) -> dict[str, Any]:
        generated = self._extracted(images, extractor).first(n)
        reference = self._extracted(self.reference, extractor)
        if reason := metric.unsupported(generated, reference):
            return {"measurements": {}, "reason": reason}
        measurements = metric.compute(generated, reference)
        return {"measurements": {name: _content(value) for name, value in measurements.items()}, "reason": None}

    def _extracted(self, images: ImageSet, extractor: FeatureExtractor) -> Features:
        key = images.id, extractor.fingerprint
        if key not in self._features:
            name = f"{digest(images=images.id, extractor=extractor.fingerprint)}.safetensors"

            def build(side: Path) -> None:
                seen = extract(extractor, images.load())
                tensors = {"features": seen.features.contiguous()}
                if seen.logits is not None:
                    tensors["logits"] = seen.logits.contiguous()
                save_file(tensors, side)

            tensors = load_file(self.store.make("features", name, build).path)
            self._features[key] = Features(tensors["features"], tensors.get("logits"))
        return self._features[key]


def bits_per_dim(model: HasLikelihood, dataset: Dataset) -> Measurement:
    """Mean negative log-likelihood of the held-out images, in bits per subpixel."""
    images = dataset.splits["held_out"].images
    found = model.log_prob(images)
    bits = -found.nats.double() / (math.prod(dataset.spec.shape) * math.log(2))
    kind = "exact" if found.exact else "an upper bound"
    return Measurement(
        value=float(bits.mean()),
        standard_error=float(bits.std() / math.sqrt(len(bits))),
        estimand=f"bits per dimension of held-out images at {found.levels} levels, {kind}",
        n=len(bits),
        direction=Direction.LOWER,
    )


def _content(measurement: Measurement) -> dict[str, Any]:
    return asdict(measurement) | {"direction": measurement.direction.value}


def _measurement(content: Mapping[str, Any]) -> Measurement:
    return Measurement(**{**content, "direction": Direction(content["direction"])})
