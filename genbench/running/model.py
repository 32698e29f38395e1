"""A model of the plan, trained or loaded the first time somebody needs its weights, and made into runners."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genbench.drawing.seeds import mix
from genbench.interfaces.data import Dataset
from genbench.interfaces.drawing import DrawSpec, Generator, Runner
from genbench.interfaces.training import TrainingView
from genbench.running.plan import Plan
from genbench.running.progress import Narrator
from genbench.store.artifacts import Store, write_json


class Model:
    """The artifact `model` of a run."""

    def __init__(self, plan: Plan, dataset: Dataset, store: Store, model_id: str, narrator: Narrator) -> None:
        self.plan, self.dataset, self.store, self.id, self.narrator = plan, dataset, store, model_id, narrator
        self.device = torch.device(plan.device)
        self.prepare_seconds = 0.0
        self._generator: Generator | None = None
        self._runners: dict[int, Runner] = {}

    def train(self) -> tuple[dict[str, Any], bool]:
        """Train, or find trained: what training cost, and whether it was an earlier run that paid."""
        made = self.store.make("models", self.id, self._build)
        log: dict[str, Any] = json.loads((made.path / "training.json").read_text())
        return log, made.reused

    def runner(self, batch_size: int) -> Runner:
        """A Runner for this batch size, prepared once; preparing is timed apart from sampling."""
        if batch_size not in self._runners:
            generator, started = self.generator(), time.perf_counter()
            self._runners[batch_size] = generator.prepare(
                DrawSpec(
                    sampler=self.plan.sampler,
                    batch_size=batch_size,
                    device=self.device,
                    dtype=getattr(torch, self.plan.sampling.dtype),
                    grid=self.plan.grid,
                    guidance=self.plan.guidance,
                )
            )
            self.prepare_seconds += time.perf_counter() - started
        return self._runners[batch_size]

    def generator(self) -> Generator:
        """The trained generator, always read from the store: reused weights give equal images."""
        if self._generator is None:
            state = load_file(self.store.path("models", self.id) / "state.safetensors", device=str(self.device))
            self._generator = self._construct()
            self._generator.load_state(state)
        return self._generator

    def _construct(self) -> Generator:
        torch.manual_seed(mix(self.plan.training.seed))
        spec = replace(self.dataset.spec, conditions=self.plan.task.conditions)
        made: Generator = self.plan.model.entry.load()(self.plan.model.options, spec, self.plan.schedule)
        return made

    def _build(self, side: Path) -> None:
        from lightning_fabric import Fabric  # seconds to import: only for runs that train

        from genbench.training.loop import TrainingSettings, train

        side.mkdir(exist_ok=True)
        training = self.plan.training
        index = [self.device.index or 0] if self.device.type == "cuda" else 1
        fabric = Fabric(accelerator=self.device.type, devices=index, precision=training.precision)
        generator = self._construct()
        checkpoint = side / "checkpoint.pt"
        if checkpoint.exists():
            self.narrator.say("training goes on from its checkpoint")
        log = train(
            generator,
            self._view(),
            TrainingSettings(training.seed, training.steps, training.images, training.checkpoint_seconds),
            fabric,
            checkpoint,
            lambda p: self.narrator.progress(f"training {p.stage}", p.step, p.steps, _losses(p.losses)),
        )
        state = {name: value.detach().cpu().contiguous() for name, value in generator.state().items()}
        save_file(state, side / "state.safetensors")
        write_json(side / "training.json", asdict(log))
        checkpoint.unlink(missing_ok=True)

    def _view(self) -> TrainingView:
        conditions: dict[str, Tensor] = self.plan.task.training(self.dataset)
        images = self.dataset.splits["train"].images.to(self.device)
        return TrainingView(images, {name: values.to(self.device) for name, values in conditions.items()})


def _losses(losses: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in losses.items())
