"""One stage being optimised: batches, updates, learning rates, averaged weights. All that weights depend on is here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from genbench.errors import DivergedError
from genbench.images import to_unit_range
from genbench.interfaces.ranks import Ranks
from genbench.interfaces.training import Batch, LearningRate, Stage, StageSpec
from genbench.training.averages import Averages, buffers
from genbench.training.order import Order
from genbench.training.seeding import seed_device, stage_seed
from genbench.training.view import SplitView


class Optimisation:
    """A stage between its first step and its last. Making it moves the modules to the device and begins the stage.

    After every step weights, optimizers, averages and buffers are bit-equal on all ranks: they start equal, gradients
    are averaged before they are used, and so are floating-point buffers (running statistics) after the step. Raises
    ValueError where the ranks cannot share the batch equally, or where `spec` averages a module that there is not.
    """

    def __init__(
        self, stage: Stage, name: str, spec: StageSpec, view: SplitView, seed: int, precision: str, ranks: Ranks
    ) -> None:
        if spec.batch_size % ranks.count:
            raise ValueError(
                f"stage '{name}': {ranks.count} processes cannot share a batch of {spec.batch_size} images equally;"
                " change the batch size or the number of processes"
            )
        self.stage, self.name, self.spec, self.view, self.seed, self.ranks = stage, name, spec, view, seed, ranks
        self.steps = spec.budget.steps(spec.batch_size)
        self.step = 0
        self.autocast = autocast(precision, view.device)
        self.modules = {key: module.to(view.device) for key, module in stage.modules().items()}
        stage.begin(view)
        self.optimizers = dict(stage.optimizers())
        self.rates = {key: [g["lr"] for g in optimizer.param_groups] for key, optimizer in self.optimizers.items()}
        self.averages = Averages(self._averaged(), spec.ema) if spec.ema else None
        self.order = Order(len(view), seed, name)
        self._conditions = torch.Generator(view.device)
        self._parts = {key: list(module.modules()) for key, module in self.modules.items()}
        owned = [(owner, buffer) for module in self.modules.values() for _, owner, buffer in buffers(module)]
        self._buffers = [(owner, buffer) for owner, buffer in owned if owner.get_buffer(buffer).is_floating_point()]

    def advance(self) -> Mapping[str, Tensor]:
        """Take the next step and return the stage's scalars, of this rank's share of the batch, still on the device."""
        for key, module in self.modules.items():
            if not all(part.training for part in self._parts[key]):
                module.train()
        self._set_rates()
        batch = self._batch()
        seed_device(stage_seed(self.seed, self.name, self.step, self.ranks.rank), self.view.device)
        with self.autocast():
            scalars = self.stage.step(batch, self._update)
        if self.ranks.count > 1 and self._buffers:
            self.ranks.average_([owner.get_buffer(name) for owner, name in self._buffers])
        if self.averages:
            self.averages.update(self.step)
        self.step += 1
        return scalars

    def finish(self) -> None:
        """Put averages in place and make the modules ready for use: without gradients, in evaluation mode.

        Raises DivergedError if a weight is not finite.
        """
        if self.averages:
            self.averages.put_in_place()
        for name, module in self.modules.items():
            module.eval().requires_grad_(False)
            for key, value in module.state_dict().items():
                if value.is_floating_point() and not bool(value.isfinite().all()):
                    raise DivergedError(f"stage '{self.name}': weights {name}.{key} are not finite after training")

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, exactly; the tensors are those in use."""
        return {
            "step": self.step,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "averages": self.averages.values if self.averages else None,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.step = state["step"]
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        if self.averages:
            self.averages.load(state["averages"])

    def _averaged(self) -> dict[str, nn.Module]:
        names = self.modules.keys() if self.spec.averaged is None else self.spec.averaged
        if unknown := [name for name in names if name not in self.modules]:
            raise ValueError(
                f"stage '{self.name}' averages the module '{unknown[0]}', and has {', '.join(self.modules)}"
            )
        return {name: self.modules[name] for name in names}

    def _batch(self) -> Batch:
        """This rank's part of the step's batch: the ranks' parts follow each other."""
        share = self.spec.batch_size // self.ranks.count
        places = self.order.batch(self.step, self.spec.batch_size)[self.ranks.rank * share :][:share]
        images = self.view.images(places)
        seed = stage_seed(self.seed, self.name, self.step, self.ranks.rank, 0)
        conditions = self.view.conditions(images, places, self._conditions.manual_seed(seed))
        indices = places.to(self.view.device)
        return Batch(to_unit_range(images), indices, conditions, self.step, self.step / self.steps)

    def _update(self, loss: Tensor, optimizer: str) -> Tensor:
        """The stage's Update. Mixed precision ends at the loss, and weights that were cast before the step are stale
        after it, in the cache that autocast keeps for as long as it lasts.
        """
        if optimizer not in self.optimizers:
            raise ValueError(f"stage '{self.name}' has no optimizer '{optimizer}'; it has {', '.join(self.optimizers)}")
        for each in self.optimizers.values():
            each.zero_grad(set_to_none=True)
        chosen = self.optimizers[optimizer]
        with torch.autocast(self.view.device.type, enabled=False):
            loss.backward()  # type: ignore[no-untyped-call]
            parameters = [parameter for group in chosen.param_groups for parameter in group["params"]]
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            self.ranks.average_(gradients)
            norm = get_total_norm(gradients)
            if self.spec.clip_norm is not None:
                clip_grads_with_norm_(parameters, self.spec.clip_norm, norm)
            chosen.step()
        torch.clear_autocast_cache()
        return norm

    def _set_rates(self) -> None:
        factor = min(1.0, (self.step + 1) / (self.spec.warmup_steps + 1))
        if self.spec.learning_rate is LearningRate.COSINE:
            factor *= 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor


def autocast(precision: str, device: torch.device) -> Callable[[], AbstractContextManager[None]]:
    """What wraps a stage's step in the precision of this name, a word of Lightning Fabric's: "32-true" or "bf16-mixed".

    Raises ValueError for others.
    """
    if precision == "32-true":
        return nullcontext
    if precision == "bf16-mixed":
        from lightning_fabric.plugins import MixedPrecision  # takes two seconds

        context: Callable[[], AbstractContextManager[None]] = MixedPrecision(precision, device.type).forward_context
        return context
    raise ValueError(f"training is done in precision 32-true or bf16-mixed, not in '{precision}'")
