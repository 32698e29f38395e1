"""Made-up data, and a registered model made, trained and drawn from the way a run does it, without a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from genbench.discovery.plugins import load_plugins
from genbench.interfaces.data import DataSpec, Split
from genbench.interfaces.drawing import DrawSpec, Generator, Runner, Sampler, SampleRequest
from genbench.interfaces.training import TrainingView
from genbench.registry.entries import Entry
from genbench.training.loop import Progress, TrainingLog, TrainingSettings, train

GREY = DataSpec(1, 8, 8, levels=17, classes=("dark", "bright"))
"""Like scikit-learn's digits: one channel, 17 intensities."""
LABELLED = replace(GREY, conditions=("label",))
"""The same, as task=class_conditional shows it."""
COLOUR = DataSpec(3, 8, 12)
"""Three channels, 256 intensities, and not square, so that height and width cannot be mistaken for each other."""

ROOT_DEFAULTS = {"schedule": "cosine", "grid": "uniform_time", "guidance": "none"}  # as in conf/config.yaml
IMAGES = 48


def made_up(spec: DataSpec) -> Split:
    """48 noisy images of the spec's intensities; those of odd labels have a bright upper half."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(IMAGES) % max(1, len(spec.classes))
    top = spec.levels - 1
    levels = torch.randint(0, top // 2 + 1, (IMAGES, *spec.shape), generator=generator)
    levels[:, :, : spec.height // 2] += (top // 2 * (labels % 2))[:, None, None, None]
    return Split((levels * 255 / top).round().to(torch.uint8), labels)


def changed(options: Any, changes: Mapping[str, Any], where: str = "") -> Any:
    """Options (a dataclass, perhaps of dataclasses) with some of them replaced. Raises ValueError for unknown names."""
    names = [field.name for field in fields(options)]
    if unknown := sorted(set(changes) - set(names)):
        raise ValueError(f"there is no option '{where}{unknown[0]}' to set; there are {', '.join(names)}")
    now = {name: getattr(options, name) for name in changes}
    return replace(
        options,
        **{
            name: changed(now[name], value, f"{where}{name}.") if is_dataclass(now[name]) else value
            for name, value in changes.items()
        },
    )


class Subject:
    """A registered model, with small options, for one kind of data on one device."""

    def __init__(
        self, entry: Entry, options: Mapping[str, Any], sampler: Mapping[str, Any], spec: DataSpec, device: str
    ) -> None:
        self.entry, self.spec, self.device = entry, spec, torch.device(device)
        self.config = changed(entry.options(), options)
        self.sampler: Sampler = changed(self._value("sampler"), sampler)
        self.schedule, self.grid, self.guidance = (self._value(group) for group in ROOT_DEFAULTS)
        self.split = made_up(spec)

    def _value(self, group: str) -> Any:
        if group in ROOT_DEFAULTS and group not in self.entry.uses:
            return None
        name = self.entry.defaults.get(group) or ROOT_DEFAULTS[group]
        return load_plugins().registry.get(group, name).options()

    def unsupported(self, sampler: Sampler | None = None, conditions: tuple[str, ...] | None = None) -> str | None:
        """The model's own answer for this sampler and these conditions, by default those of the subject."""
        spec = self.spec if conditions is None else replace(self.spec, conditions=conditions)
        reason: str | None = self.entry.load().unsupported(  # type: ignore[attr-defined]
            self.config, spec, sampler or self.sampler, self.guidance
        )
        return reason

    def fresh(self, seed: int = 0) -> Generator:
        """A new generator; the seed is that of its initial weights."""
        torch.manual_seed(seed)
        made: Generator = self.entry.load()(self.config, self.spec, self.schedule)
        return made

    def trained(self, checkpoint: Path | None = None, report: Callable[[Progress], None] = lambda p: None) -> Generator:
        """A new generator trained on the made-up images, with a checkpoint after every step where one is asked for."""
        generator = self.fresh()
        self.log = self._train(generator, checkpoint, report)
        return generator

    def _train(self, generator: Generator, checkpoint: Path | None, report: Callable[[Progress], None]) -> TrainingLog:
        images, labels = self.split.images.to(self.device), self.split.labels
        assert labels is not None
        view = TrainingView(images, {"label": labels.to(self.device)} if "label" in self.spec.conditions else {})
        fabric = Fabric(accelerator=self.device.type, devices=1)
        return train(generator, view, TrainingSettings(0, checkpoint_seconds=0.0), fabric, checkpoint, report)

    def runner(self, generator: Generator, batch_size: int, dtype: torch.dtype = torch.float32) -> Runner:
        """The generator made ready for the subject's sampler."""
        return generator.prepare(
            DrawSpec(self.sampler, batch_size, self.device, dtype, grid=self.grid, guidance=self.guidance)
        )

    def request(self, keys: Tensor) -> SampleRequest:
        """Images of these keys; where labels are asked for, the key decides the label, so it stays with the image."""
        labels = keys % max(1, len(self.spec.classes))
        conditions = {"label": labels.to(self.device)} if "label" in self.spec.conditions else {}
        return SampleRequest(keys.to(self.device), conditions)

    @torch.inference_mode()
    def draw(self, generator: Generator, keys: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images [B, C, H, W] of these keys, drawn as one batch; on the CPU."""
        images: Tensor = self.runner(generator, len(keys), dtype).run(self.request(keys))
        return images.cpu()
