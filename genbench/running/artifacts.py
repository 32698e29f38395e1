"""The steps of a run that make artifacts: images, timing, scores. Each is made once and found again after that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.drawing.clock import parameters, time_runners
from genbench.drawing.draw import draw_images
from genbench.drawing.requests import Requests
from genbench.interfaces.data import Dataset
from genbench.interfaces.drawing import HasLikelihood
from genbench.measuring.evaluator import Evaluator, ImageSet, bits_per_dim, real_images, uniform_noise
from genbench.running import identity
from genbench.running.model import Model
from genbench.running.plan import Plan
from genbench.running.progress import Narrator
from genbench.store.artifacts import Store, clear_folder, write_json
from genbench.store.records import Score, Scores


@dataclass(frozen=True)
class Drawn:
    """The artifact `samples`: uint8 images [N, C, H, W] in a file, and the seconds that drawing them took."""

    images: ImageSet
    seconds: float
    reused: bool


@dataclass(frozen=True)
class Steps:
    """What is done with one model, on its device."""

    plan: Plan
    dataset: Dataset
    store: Store
    ids: identity.RunIds
    model: Model
    narrator: Narrator

    def draw(self) -> Drawn:
        """Draw the images that are scored, or find them drawn."""
        made = self.store.make("samples", self.ids.samples, self._draw)
        content = json.loads((made.path / "drawing.json").read_text())
        images = ImageSet(self.ids.samples, lambda: _load_images(made.path))
        return Drawn(images, content["seconds"], made.reused)

    def time(self) -> tuple[dict[str, Any], bool]:
        """The clock's numbers for this machine, and whether they were there before.

        Disturbed numbers that were there before are measured again.
        """
        timing, before = self.store.make_json("timings", self.ids.timing, self._time)
        if before and timing["contended"] and not self.plan.quick:
            self.store.path("timings", f"{self.ids.timing}.json").unlink(missing_ok=True)
            timing, before = self.store.make_json("timings", self.ids.timing, self._time)
        return timing, before

    def score(self, evaluator: Evaluator, images: ImageSet) -> tuple[Scores, Scores, dict[str, Scores]]:
        """Scores at n, the same at the held-out size, and those of held-out images and of noise."""
        n = self.plan.sampling.num_samples
        floor = min(n, len(self.dataset.splits["held_out"]))
        sets = {
            "samples": (images, n),
            "samples at the floor's n": (images, floor),
            "held_out": (real_images(self.dataset, "held_out"), floor),
            "noise": (uniform_noise(self.dataset, n), n),
        }
        total, done = len(sets) * len(evaluator.extractors) * len(evaluator.metrics), count(0)

        def measured(name: str) -> Scores:
            def report(score: str) -> None:
                self.narrator.progress("scoring", next(done), total, f"{score} of {name}")

            return {key: Score.of(found) for key, found in evaluator.score(*sets[name], report).items()}

        scores = {name: measured(name) for name in sets}
        return scores.pop("samples") | self._likelihood(), scores.pop("samples at the floor's n"), scores

    def _requests(self) -> Requests:
        return Requests(self.dataset, self.plan.task, self.plan.sampling.seed, self.model.device)

    def _draw(self, side: Path) -> None:
        total, size = self.plan.sampling.num_samples, self.plan.sampling.batch_size
        drawn = draw_images(
            self.model.runner(size),
            self._requests(),
            total,
            size,
            lambda done: self.narrator.progress("drawing", done, total),
        )
        clear_folder(side)
        np.save(side / "images.npy", drawn.images.numpy())
        write_json(side / "drawing.json", {"seconds": drawn.seconds})

    def _time(self) -> dict[str, Any]:
        size, rules = self.plan.sampling.batch_size, self.plan.timing
        batched, single = self.model.runner(size), self.model.runner(1)
        self.narrator.say("timing (waits for other timings on this device)")
        timing = time_runners(
            batched, single, self._requests(), size, rules.repetitions, rules.seconds, self.plan.threads
        )
        content = {key: value for key, value in asdict(timing).items() if key not in ("runs", "latency_runs")}
        return {**content, "prepare_seconds": self.model.prepare_seconds, "parameters": parameters(single)}

    def _likelihood(self) -> Scores:
        """Bits per dimension of the held-out images, for models that can say."""
        if not issubclass(self.plan.model.entry.load(), HasLikelihood):  # type: ignore[arg-type]
            return {}

        def measure() -> dict[str, Any]:
            generator = self.model.generator()
            assert isinstance(generator, HasLikelihood)
            return asdict(Score.of(bits_per_dim(generator, self.dataset)))

        key = identity.digest(model=self.ids.model, dataset=self.dataset.fingerprint, metric="bits_per_dim")
        content, _ = self.store.make_json("scores", key, measure)
        return {"model/bits_per_dim": Score(**content)}


def _load_images(path: Path) -> Tensor:
    return torch.from_numpy(np.load(path / "images.npy"))
