"""Where a stage's random numbers come from: the training seed, the stage's name, the step and the process."""

from __future__ import annotations

import torch

from genbench.drawing.seeds import mix, name_seed


def stage_seed(seed: int, name: str, *parts: int) -> int:
    """A 63-bit seed for one purpose of the stage of this name. Purposes differ in the number of parts: none builds the
    stage, (epoch) orders the images, (step, rank) is for the step itself, (step, rank, 0) for the task's conditions.
    """
    return mix(seed, name_seed(name), *parts)


def seed_device(seed: int, device: torch.device) -> None:
    """torch.manual_seed for the CPU and one device: for all devices it costs a millisecond, at every step."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
