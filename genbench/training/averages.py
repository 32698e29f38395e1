"""Averaged weights: exponential moving averages of what modules learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


def buffers(module: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Every persistent buffer: its key in the state dict, the module that owns it, and its name there.

    Buffers are looked up by owner each time they are read, because assigning to one replaces the tensor.
    """
    kept = module.state_dict().keys()
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, _ in owner.named_buffers(recurse=False):
            key = f"{path}.{name}" if path else name
            if key in kept:
                yield key, owner, name


class Averages:
    """Moving averages of the floating-point state of some modules; the rest of their state is copied.

    The decay of step k (from 0) is min(decay, (1 + k) / (10 + k)), so that the first steps are soon forgotten (as in
    TensorFlow's ExponentialMovingAverage with num_updates).
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self.modules, self.decay = modules, decay
        self.values: dict[str, dict[str, Tensor]] = {}
        self._parameters: list[tuple[Tensor, Tensor]] = []
        self._buffers: list[tuple[Tensor, nn.Module, str]] = []
        for name, module in modules.items():
            state = module.state_dict()
            averages = self.values[name] = {key: value.clone() for key, value in state.items()}
            owned = list(buffers(module))
            self._buffers += [(averages[key], owner, buffer) for key, owner, buffer in owned]
            learnt = state.keys() - {key for key, _, _ in owned}
            self._parameters += [(averages[key], value) for key, value in state.items() if key in learnt]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after this step, counted from 0."""
        pairs = self._parameters + [(average, owner.get_buffer(name)) for average, owner, name in self._buffers]
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_([average for average, _ in floating], [value for _, value in floating], 1 - decay)
        for average, value in pairs:
            if not average.is_floating_point():
                average.copy_(value)

    def load(self, values: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from averages that were saved."""
        for name, state in values.items():
            for key, value in state.items():
                self.values[name][key].copy_(value)

    def put_in_place(self) -> None:
        """Replace the modules' weights by their averages."""
        for name, module in self.modules.items():
            module.load_state_dict(self.values[name])
