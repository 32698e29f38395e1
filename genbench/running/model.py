"""The model of a plan: its stages trained or found in the store, and made into generators and runners."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from genbench.drawing.seeds import mix
from genbench.interfaces.data import Dataset, DataSpec
from genbench.interfaces.drawing import DrawSpec, Generator, Runner
from genbench.interfaces.ranks import Ranks
from genbench.interfaces.sampling import Schedule
from genbench.interfaces.training import Stage, StagePlan, StageState
from genbench.measuring.identity import Identity
from genbench.running.describing import describe_with
from genbench.running.identity import generator_class, learner_libraries, planned_stages
from genbench.running.plan import Plan
from genbench.running.progress import Progress
from genbench.store.artifacts import Store
from genbench.store.files import write_json
from genbench.training.stages import construct, learnt, restore, stage_data

if TYPE_CHECKING:
    from genbench.training.progress import TrainingLog

WEIGHTS = "final.safetensors"
"""The weights of a stage that draw: the averaged ones, where it keeps averages."""


@dataclass(frozen=True)
class TrainedStage:
    """What training a stage cost, and whether it was an earlier run that paid."""

    name: str
    id: str
    seconds: float
    steps: int
    images: int
    reused: bool


class Model:
    """The stages of one run's model, by name, and what is made of them. `spec` has the task's conditions."""

    def __init__(
        self,
        plan: Plan,
        dataset: Dataset,
        spec: DataSpec,
        identities: Mapping[str, Identity],
        store: Store,
        ranks: Ranks,
        progress: Progress,
    ) -> None:
        self.plan, self.dataset, self.spec, self.identities = plan, dataset, spec, identities
        self.store, self.ranks, self.progress = store, ranks, progress
        self.device = torch.device(plan.device)
        self.describe = describe_with(plan.device, plan.threads, ranks.count, plan.place.command)
        stages, self.specs = planned_stages(plan, spec)
        self.stages = {stage.name: stage for stage in stages}
        self._trained: dict[str, Stage] = {}
        self._generator: Generator | None = None

    def train(self) -> list[TrainedStage]:
        """Train every stage, or find it trained; in order, all ranks together."""
        return [self._train(stage) for stage in self.stages.values()]

    def generator(self) -> Generator:
        """The trained generator, always read from the store: reused weights give equal images."""
        if self._generator is None:
            plan, state = self.plan, {name: self._state(name) for name in self.stages}
            self._generator = constructed(
                generator_class(plan), plan.model.options, self.spec, plan.schedule_value, plan.training.seed, state
            )
        return self._generator

    def prepare(self, draw: DrawSpec) -> Runner:
        """A runner of the trained generator."""
        return self.generator().prepare(draw)

    def draw_spec(self, extras: bool = False) -> DrawSpec:
        """How the plan draws; with `extras` also what the model draws besides."""
        return DrawSpec(
            sampler=self.plan.sampler_value,
            batch_size=self.plan.sampling.batch_size,
            device=self.device,
            dtype=getattr(torch, self.plan.sampling.dtype),
            grid=self.plan.grid_value,
            guidance=self.plan.guidance_value,
            fast=self.plan.sampling.fast,
            extras=extras,
        )

    def _train(self, stage: StagePlan) -> TrainedStage:
        identity = self.identities[stage.name]
        if self.ranks.rank > 0:
            if self.ranks.broadcast(False):
                self._run_training(stage, self._side(identity))
            self.ranks.wait()
            return self._cost(stage.name, identity, reused=True)

        def build(side: Path) -> None:
            self.ranks.broadcast(True)
            if (side / "checkpoint.pt").exists():
                self.progress.say(f"training of '{stage.name}' goes on from its checkpoint")
            trained, log = self._run_training(stage, side)
            save_file(_flat(learnt(trained)), side / WEIGHTS)
            write_json(side / "training.json", asdict(log))
            (side / "checkpoint.pt").unlink(missing_ok=True)

        libraries = learner_libraries(self.plan, self.spec)
        artifact = self.store.make("stages", identity.id, build, self.describe(identity, libraries))
        if artifact.reused:
            self.ranks.broadcast(False)
        self.ranks.wait()
        return self._cost(stage.name, identity, artifact.reused)

    def _run_training(self, stage: StagePlan, side: Path) -> tuple[Stage, TrainingLog]:
        """Train one stage, with all ranks; only rank 0 writes a checkpoint."""
        from genbench.training.loop import TrainingSettings, train_stage
        from genbench.training.view import SplitView

        training = self.plan.training
        data = stage_data(stage, self.spec)
        constructed = self._construct(stage)
        log = train_stage(
            constructed,
            stage.name,
            self.specs[stage.name],
            SplitView(self.dataset.splits["train"], data, self.device, self.plan.task_value),
            TrainingSettings(training.seed, training.precision, training.checkpoint_seconds),
            self.ranks,
            side / "checkpoint.pt",
            self.progress.training,
        )
        return constructed, log

    def _construct(self, stage: StagePlan) -> Stage:
        """The stage as training finds it, upon the trained ones before it."""
        before = {name: self._trained_stage(name) for name in stage.after}
        return construct(
            stage, self.plan.model.options, self.spec, self.plan.schedule_value, before, self.plan.training.seed
        )

    def _trained_stage(self, name: str) -> Stage:
        """A finished stage as later ones build upon it: on the device, without gradients."""
        if name not in self._trained:
            stage = self._construct(self.stages[name])
            restore(stage, self._state(name), self.device)
            self._trained[name] = stage
        return self._trained[name]

    def _state(self, name: str) -> StageState:
        path = self.store.path("stages", self.identities[name].id) / WEIGHTS
        return _nested(load_file(path, device=str(self.device)))

    def _side(self, identity: Identity) -> Path:
        """Where rank 0 builds the artifact: the others read its checkpoint there."""
        path = self.store.path("stages", identity.id)
        return path.with_name(f"{path.name}.partial")

    def _cost(self, name: str, identity: Identity, reused: bool) -> TrainedStage:
        path = self.store.path("stages", identity.id) / "training.json"
        log: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return TrainedStage(name, identity.id, log["seconds"], log["steps"], log["images"], reused)


def constructed(
    cls: type[Generator],
    options: Any,
    spec: DataSpec,
    schedule: Schedule | None,
    seed: int,
    state: Mapping[str, StageState],
) -> Generator:
    """The generator that has learnt this, by stage; its constructor may draw random numbers, which are seeded."""
    torch.manual_seed(mix(seed))
    generator = cls(options, spec, schedule)
    if state:
        generator.load_state(state)
    return generator


def _flat(state: StageState) -> dict[str, torch.Tensor]:
    """A stage's state as one file of named tensors: "module/key"."""
    return {f"{module}/{key}": value for module, values in state.items() for key, value in values.items()}


def _nested(tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    state: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        module, _, key = name.partition("/")
        state.setdefault(module, {})[key] = value
    return state
