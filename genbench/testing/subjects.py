"""A registered model planned, trained and drawn from the way a run does it, without a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.discovery.plugins import load_plugins
from genbench.drawing.draw import main_images
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import DrawSpec, Generator, Runner, SampleRequest
from genbench.interfaces.sampling import Sampler
from genbench.interfaces.training import Stage, StagePlan, StageSpec, StageState
from genbench.registry.choice import Choice
from genbench.testing.made_up import ShowsColumns, entries, made_up
from genbench.testing.suite import changed
from genbench.training.loop import Report, TrainingSettings, train_stage
from genbench.training.stages import construct, learnt, resolved, resolved_specs, restore, stage_data
from genbench.training.view import SplitView

ROOT_DEFAULTS = {"schedule": "cosine", "grid": "uniform_time", "guidance": "none"}  # as in conf/config.yaml


@dataclass(frozen=True)
class Trained:
    """The stages of a model by name: as training left them, what they learnt, and as later ones build upon them."""

    finished: Mapping[str, Stage]
    states: Mapping[str, StageState]
    restored: Mapping[str, Stage]


class Subject:
    """A registered model, with small options, for one kind of data on one device."""

    def __init__(self, choice: Choice, sampler: Mapping[str, Any], spec: DataSpec, device: str = "cpu") -> None:
        self.entry, self.config = choice.entry, choice.options
        self.spec, self.device = spec, torch.device(device)
        self.cls: type[Generator] = choice.entry.load()
        self.sampler: Sampler = changed(self._value("sampler"), sampler)
        self.schedule, self.grid, self.guidance = (self._value(group) for group in ROOT_DEFAULTS)
        self.dataset, self.task = made_up(spec), ShowsColumns(spec.conditions)

    def _value(self, group: str) -> Any:
        if group in ROOT_DEFAULTS and group not in self.entry.uses:
            return None
        name = self.entry.defaults.get(group) or ROOT_DEFAULTS[group]
        return load_plugins().registry.get(group, name).options()

    def draw_spec(self, batch_size: int = 4, dtype: torch.dtype = torch.float32, **changes: Any) -> DrawSpec:
        """What a runner is asked for; `changes` are fields of DrawSpec."""
        spec = DrawSpec(self.sampler, batch_size, self.device, dtype, grid=self.grid, guidance=self.guidance)
        return replace(spec, **changes)

    def unsupported(self, sampler: Sampler | None = None, spec: DataSpec | None = None) -> str | None:
        """The model's own answer for this sampler and this data, by default those of the subject."""
        draw = self.draw_spec(sampler=sampler or self.sampler)
        return self.cls.unsupported(self.config, spec or self.spec, draw, self.schedule)

    # ------------------------------------------------------------------------------------------------------ training

    def planned(self) -> tuple[tuple[StagePlan, ...], dict[str, StageSpec]]:
        """The stages in order, and how each is trained. Raises ValueError for a plan that cannot be followed."""
        stages = resolved(self.cls.plan(self.config, self.spec), self.config, self.spec)
        return stages, resolved_specs(stages, self.config, None)

    def stage(self, plan: StagePlan, before: Mapping[str, Stage], seed: int = 0) -> Stage:
        """A stage as training finds it."""
        return construct(plan, self.config, self.spec, self.schedule, before, seed)

    def trained(self, folder: Path | None = None, report: Report = lambda progress: None) -> Trained:
        """The stages trained on the made-up images, with checkpoints in a folder after every step where one is named;
        what is there already is gone on from.
        """
        plans, specs = self.planned()
        finished: dict[str, Stage] = {}
        states: dict[str, StageState] = {}
        restored: dict[str, Stage] = {}
        for plan in plans:
            finished[plan.name] = stage = self.stage(plan, restored)
            view = SplitView(self.dataset.splits["train"], stage_data(plan, self.spec), self.device, self.task)
            settings = TrainingSettings(seed=0, checkpoint_seconds=0.0)
            checkpoint = folder / f"{plan.name}.pt" if folder else None
            train_stage(stage, plan.name, specs[plan.name], view, settings, checkpoint=checkpoint, report=report)
            states[plan.name] = learnt(stage)
            restored[plan.name] = self.restored(plan, restored, states[plan.name])
        return Trained(finished, states, restored)

    def restored(self, plan: StagePlan, before: Mapping[str, Stage], state: StageState, seed: int = 0) -> Stage:
        """A fresh stage that was given what another one learnt, as later stages see it."""
        stage = self.stage(plan, before, seed)
        restore(stage, state, self.device)
        return stage

    # ------------------------------------------------------------------------------------------------------- drawing

    def generator(self, states: Mapping[str, StageState], seed: int = 0) -> Generator:
        """A generator that was given what the stages learnt; the seed is that of whatever it draws when it is built."""
        torch.manual_seed(seed)
        generator = self.cls(self.config, self.spec, self.schedule)
        if states:
            generator.load_state(
                {
                    name: {
                        module: {key: value.to(self.device) for key, value in values.items()}
                        for module, values in state.items()
                    }
                    for name, state in states.items()
                }
            )
        return generator

    def runner(self, generator: Generator, batch_size: int, dtype: torch.dtype = torch.float32) -> Runner:
        """The generator made ready for the subject's sampler."""
        return generator.prepare(self.draw_spec(batch_size, dtype))

    def request(self, keys: Tensor, shift: int = 0) -> SampleRequest:
        """Images of these keys; the key decides the conditions, so that they stay with the image. With a `shift` they
        are those of other training images.
        """
        train = self.dataset.splits["train"]
        indices = (keys + shift) % len(train)
        columns = {name: entries(train.columns[name], indices) for name in self.spec.condition_names}
        return SampleRequest(
            keys.to(self.device),
            {
                name: column.to(self.device) if isinstance(column, Tensor) else column
                for name, column in columns.items()
            },
        )

    @torch.inference_mode()
    def draw(self, generator: Generator, keys: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images [B, C, H, W] of these keys, drawn as one batch; on the CPU."""
        return main_images(self.runner(generator, len(keys), dtype).run(self.request(keys))).cpu()
