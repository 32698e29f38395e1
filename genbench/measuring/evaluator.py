"""Rows of images to scores: one extraction pass per set and extractor feeds every metric, each score is made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray

from genbench.interfaces.data import ImageSet
from genbench.interfaces.measurement import Json, Measurement
from genbench.interfaces.measuring import SOURCES, Metric
from genbench.interfaces.ranks import Alone, Ranks
from genbench.measuring.evidence import (
    OF_A_ROW,
    OF_DRAWN_IMAGES,
    SETS,
    Common,
    Later,
    ReferenceStatistics,
    Row,
    RowEvidence,
    image_set,
    source_of,
)
from genbench.measuring.extracted import Describe, Extracted, Report
from genbench.measuring.identity import Identity, score_identity
from genbench.measuring.likelihood import KIND as LIKELIHOODS
from genbench.measuring.likelihood import StoredLikelihood
from genbench.measuring.protocol import extractor_protocol, metric_protocol, sets_protocol
from genbench.measuring.scores import Scores, check_score, filled, measures_of, outputs_read
from genbench.registry.choice import Choice
from genbench.store.artifacts import Store
from genbench.store.records import ArtifactRecord, Measurements


class LeftOutError(Exception):
    """A metric cannot measure its evidence, for the reason that it gave."""


@dataclass(frozen=True)
class Measuring:
    """One metric of one row, with one extractor ("" where it reads none of its outputs), and the image sets that it
    reads, by source.
    """

    row: str
    inputs: Row
    extractor: str
    name: str
    metric: Metric
    sets: Mapping[str, ImageSet]

    @property
    def key(self) -> str:
        """The metric as results name it."""
        return self.named(self.name)

    def named(self, measure: str) -> str:
        """A measure as results name it."""
        return f"{self.extractor}/{measure}" if self.extractor else measure

    def called(self, source: str) -> str:
        """What one of the sets is called in records."""
        return {"generated": self.row, "pairs": f"{self.row}/pairs"}.get(source, source)


class Evaluator:
    """Measures rows of images against one reference, with every extractor and metric asked for.

    Metrics that read an extractor's output are measured once per row and extractor that has it, others once per row, or
    once where nothing that they read differs between rows. All rows share one reference: what a metric computes on it
    alone is computed once. `describe` says where an artifact comes from. Raises MetricsError for metrics that give
    measures of one name, and whatever an extractor raises that cannot be built.
    """

    def __init__(
        self,
        store: Store,
        features: Mapping[str, Choice],
        metrics: Mapping[str, Choice],
        common: Common,
        device: torch.device | None = None,
        batch_size: int = 64,
        ranks: Ranks | None = None,
        describe: Describe | None = None,
        report: Report = lambda activity, done, count, detail: None,
    ) -> None:
        self.store, self.choices, self.ranks = store, dict(metrics), ranks or Alone()
        self.describe, self.report = describe, report
        self.measures = measures_of({name: choice.build() for name, choice in metrics.items()})
        self.extracted = Extracted(
            store, features, device or torch.device("cpu"), batch_size, self.ranks, describe, report
        )
        self.metrics, self.left_out = self._combined()
        self.likelihood = StoredLikelihood(store, common.likelihood, describe) if common.likelihood else None
        if self.likelihood is not None:
            common = replace(common, likelihood=Later(self.likelihood.id, self.likelihood.load))
        self.common = common

    def _combined(self) -> tuple[dict[tuple[str, str], Metric], dict[str, str]]:
        """A metric object for each extractor and metric, since it may remember what it computed on the reference; and
        why some of these pairs are left out, known before any work.
        """
        metrics: dict[tuple[str, str], Metric] = {}
        left_out: dict[str, str] = {}
        extractors = self.extracted.extractors
        for name, choice in self.choices.items():
            metric: Metric = choice.build()
            outputs = outputs_read(metric)
            if not outputs:
                metrics["", name] = metric
            elif not extractors:
                left_out[name] = f"it reads '{outputs[0]}' of a feature extractor, and none was asked for"
            for extractor, component in extractors.items() if outputs else ():
                if absent := [output for output in outputs if output not in component.outputs]:
                    left_out[f"{extractor}/{name}"] = (
                        f"features={extractor} has no output '{absent[0]}', only {', '.join(component.outputs)}"
                    )
                else:
                    metrics[extractor, name] = choice.build()
        return metrics, left_out

    def score(self, rows: Mapping[str, Row]) -> Scores:
        """Every measurement of every row; the first row also has what is measured once.

        Called by all ranks, which extract together. Rank 0 measures, and the others get the same answer.
        """
        measurings = list(self._measurings(rows))
        self._extract_missing(measurings)
        return self.ranks.broadcast(self._measured(measurings, rows) if self.ranks.rank == 0 else Scores())

    def identities(self, rows: Mapping[str, Row]) -> dict[str, Identity]:
        """What each score of these rows is called, and the features that it reads, whether they are there or not: by
        "scores/<row>/<extractor>/<metric>" and "features/<row>/<extractor>".
        """
        known: dict[str, Identity] = {}
        for measuring in self._measurings(rows):
            known[f"scores/{measuring.row}/{measuring.key}"] = self._identity(measuring)
            for source, images in measuring.sets.items() if measuring.extractor else ():
                place = f"features/{measuring.called(source)}/{measuring.extractor}"
                known[place] = self.extracted.identity(measuring.extractor, images)
        return known

    def _measurings(self, rows: Mapping[str, Row]) -> Iterator[Measuring]:
        for i, (row, inputs) in enumerate(rows.items()):
            sets = {source: image_set(self.common, inputs, source) for source in SETS}
            for (extractor, name), metric in self.metrics.items():
                once = not extractor and not set(OF_A_ROW) & set(metric.reads)
                drawn_only = set(OF_DRAWN_IMAGES).intersection(metric.reads)
                lacking = any(source_of(self.common, inputs, source) is None for source in drawn_only)
                if i == 0 or not (once or lacking):  # nobody needs to hear of each reference row what it has not
                    read = {source: images for source in metric.reads if (images := sets.get(source)) is not None}
                    yield Measuring(row, inputs, extractor, name, metric, read)

    def _extract_missing(self, measurings: list[Measuring]) -> None:
        """Extract what scores need that are not there yet: rank 0 knows which."""
        needed: list[tuple[int, str]] = []
        for number, measuring in enumerate(measurings if self.ranks.rank == 0 else ()):
            path = self.store.path("scores", f"{self._identity(measuring).id}.json")
            if measuring.extractor and not path.exists():
                needed += [(number, source) for source in measuring.sets]
        self.extracted.complete(
            (measurings[number].extractor, measurings[number].sets[source], measurings[number].called(source))
            for number, source in self.ranks.broadcast(needed)
        )

    def _identity(self, measuring: Measuring) -> Identity:
        """Of a score, from the ids of what the metric reads."""
        declared, reads = measuring.metric.reads, dict[str, Any](spec=self.common.spec)
        for source, images in measuring.sets.items():
            reads[source] = [images.id, images.first, images.count]
            if measuring.extractor:
                reads[f"features of {source}"] = self.extracted.identity(measuring.extractor, images).id
        if "reference" in declared and isinstance(self.common.reference, ReferenceStatistics):
            reads["reference"] = self.common.reference.id
        known: dict[str, Later[Any] | None] = {
            "requests": measuring.inputs.requests,
            "timing": measuring.inputs.timing,
            "likelihood": self.common.likelihood,
        }
        reads |= {source: later.id for source, later in known.items() if later is not None and source in declared}
        return score_identity(measuring.metric, self.choices[measuring.name].options, reads)

    def _measured(self, measurings: list[Measuring], rows: Mapping[str, Row]) -> Scores:
        scored: dict[str, Measurements] = {row: {} for row in rows}
        left_out = dict(self.left_out)
        artifacts: dict[tuple[str, str], ArtifactRecord] = {}
        for done, measuring in enumerate(measurings):
            self.report("scoring", done, len(measurings), f"{measuring.key} of {measuring.row}")
            identity = self._identity(measuring)
            made = self.describe(identity, identity.libraries) if self.describe else None
            try:
                measurements, artifact = self.store.make_score(identity.id, partial(self._score, measuring), made)
            except Exception as error:  # whatever a metric raises costs its own score, and nothing else
                reason = str(error) if isinstance(error, LeftOutError) else f"{type(error).__name__}: {error}"
                left_out[f"{measuring.row}: {measuring.key}"] = reason
                continue
            protocol = self._protocol(measuring)
            for measure, measurement in measurements.items():
                number = filled(measurement, self.measures[measure], protocol)
                scored[measuring.row][measuring.named(measure)] = number
            joined = [*self._read(measuring)]
            if artifact is not None:
                joined.append(("scores", identity.id, f"{measuring.row}/{measuring.key}", artifact.reused))
            for kind, id, name, reused in joined:
                if (kind, id) not in artifacts:
                    artifacts[kind, id] = self.store.joined(kind, id, name, reused)
        return Scores(scored, self.measures, left_out, tuple(artifacts.values()))

    def _score(self, measuring: Measuring) -> tuple[Mapping[str, Measurement], Mapping[str, NDArray[Any]]]:
        """Measure, and check what the metric gave."""
        metric, sets, extractor = measuring.metric, measuring.sets, measuring.extractor
        evidence = RowEvidence(
            self.common,
            measuring.inputs,
            metric.reads,
            extractor,
            lambda of, output: self.extracted.output(extractor, sets[of], output),
        )
        if reason := metric.unsupported(evidence):
            raise LeftOutError(reason)
        try:
            score = metric.measure(evidence)
        except Exception as error:
            for source in [name for name in metric.reads if name in SOURCES]:
                if source_of(self.common, measuring.inputs, source) is None:
                    raise LeftOutError(f"it reads '{source}', and there is none here ({error})") from error
            raise
        check_score(score, metric, [len(sets[source]) for source in ("generated", "reference") if source in sets])
        return score.measurements, score.arrays

    def _protocol(self, measuring: Measuring) -> dict[str, Json]:
        """The part of a protocol that is known without the metric."""
        extractors, name = self.extracted.choices, measuring.extractor
        return {
            **metric_protocol(measuring.name, measuring.metric, self.choices[measuring.name].options),
            **sets_protocol(measuring.metric, measuring.sets, self.common),
            **(extractor_protocol(name, extractors[name]) if name else {}),
        }

    def _read(self, measuring: Measuring) -> Iterator[tuple[str, str, str, bool]]:
        """What a score was made from, if it is there: kind, id and name of the artifact, and whether it was reused."""
        for source, images in measuring.sets.items() if measuring.extractor else ():
            id = self.extracted.identity(measuring.extractor, images).id
            if self.store.path("features", id).exists():
                name = f"{measuring.called(source)}/{measuring.extractor}"
                yield "features", id, name, id not in self.extracted.made
        known = self.likelihood
        if known is not None and "likelihood" in measuring.metric.reads and known.exists():
            yield LIKELIHOODS, known.id, "held_out", known.reused
