"""The executor: runs any sampler table, in place, on preallocated buffers, without host synchronisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.diffusion.objective import Network
from genbench.diffusion.predictions import Prediction, label, preconditioning
from genbench.diffusion.tables import Call, Row, Table
from genbench.drawing.noise import normal
from genbench.interfaces.drawing import Guidance


@dataclass(frozen=True)
class _Evaluation:
    """A call's numbers: x0_hat = skip * x + out * network(scaling * x, label), guided unless guidance_scale is 1."""

    label: float
    skip: float
    out: float
    scaling: float
    guidance_scale: float


class Trajectory:
    """A table made ready for one network, batch size, device and dtype; `run` draws.

    `network` and `weak_network` are called as network(inputs [B, *shape], labels [B], **conditions). The weak one is
    evaluated where `guidance` has a scale other than 1, as x0_hat = weak + scale (strong - weak): the same network
    without its condition, or a worse one. `clip`, if given, changes every x0_hat [B, *shape] in place.

    Row i of the table draws its noise as draw number i of each image's key, so that the initial state is draw 0 for
    every sampler, and an image depends on its own key and conditions only.

    Raises ValueError if the guidance needs a weak network and there is none.
    """

    def __init__(
        self,
        table: Table,
        network: Network,
        *,
        prediction: Prediction,
        shape: tuple[int, ...],
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        sigma_data: float = 1.0,
        guidance: Guidance | None = None,
        weak_network: Network | None = None,
        clip: Callable[[Tensor], object] | None = None,
    ) -> None:
        self.table, self.network, self.weak_network, self.clip = table, network, weak_network, clip
        self.shape, self.batch_size, self.dtype = shape, batch_size, dtype
        self._slots = [torch.empty(batch_size, *shape, device=device, dtype=dtype) for _ in range(table.slots)]
        self._inputs = torch.empty_like(self._slots[0])
        self._evaluations = [
            None if row.call is None else _evaluation(row.call, prediction, sigma_data, guidance) for row in table.rows
        ]
        labels = [evaluation.label if evaluation else 0.0 for evaluation in self._evaluations]
        self._labels = torch.tensor(labels, dtype=dtype)[:, None].repeat(1, batch_size).to(device)
        if weak_network is None and self.nfe > table.nfe:
            raise ValueError("guidance with a scale other than 1 needs a weak network: train the model with conditions"
                             " that are sometimes dropped, or choose guidance=none")  # fmt: skip

    @property
    def nfe(self) -> int:
        """Network evaluations per image, guidance included."""
        return sum(1 if evaluation.guidance_scale == 1 else 2 for evaluation in self._evaluations if evaluation)

    @torch.no_grad()
    def run(self, keys: Tensor, **conditions: Tensor) -> Tensor:
        """Images [B, *shape] for int64 keys [B] and conditions of B images each; the caller owns the result.

        Raises ValueError unless B is the batch size.
        """
        if len(keys) != self.batch_size:
            raise ValueError(f"this trajectory was prepared for batches of {self.batch_size}, not {len(keys)}")
        for index, row in enumerate(self.table.rows):
            if (evaluation := self._evaluations[index]) is not None:
                self._predict(row, evaluation, self._labels[index], conditions)
            self._step(row, keys, draw=index)
        return self._slots[self.table.rows[-1].target].clone()

    def _predict(self, row: Row, evaluation: _Evaluation, labels: Tensor, conditions: dict[str, Tensor]) -> None:
        x, memory = self._slots[row.source], self._slots[row.memory]
        torch.mul(x, evaluation.scaling, out=self._inputs)
        output = self.network(self._inputs, labels, **conditions)
        if evaluation.guidance_scale != 1 and self.weak_network is not None:
            # Both share skip and out, so the outputs can be combined in place of the predictions.
            weak = self.weak_network(self._inputs, labels, **conditions)
            output = torch.lerp(weak, output, evaluation.guidance_scale)
        if self.clip is None:
            torch.mul(output, row.on_x0 * evaluation.out, out=memory)
            on_state = row.on_state + row.on_x0 * evaluation.skip
        else:
            torch.mul(output, evaluation.out, out=memory).add_(x, alpha=evaluation.skip)
            self.clip(memory)
            on_state = row.on_state
            if row.on_x0 != 1:
                memory.mul_(row.on_x0)
        if on_state != 0:
            memory.add_(x, alpha=on_state)

    def _step(self, row: Row, keys: Tensor, draw: int) -> None:
        target = self._slots[row.target]
        if row.weights:
            (first, weight), *others = row.weights
            torch.mul(self._slots[first], weight, out=target)
            for slot, weight in others:
                target.add_(self._slots[slot], alpha=weight)
        else:
            target.zero_()
        if row.noise != 0:
            target.add_(normal(keys, draw, self.shape, self.dtype), alpha=row.noise)


def _evaluation(call: Call, prediction: Prediction, sigma_data: float, guidance: Guidance | None) -> _Evaluation:
    skip, out, scaling = preconditioning(prediction, call.alpha, call.sigma, sigma_data)
    scale = guidance.scale_at(2 * math.log(call.alpha / call.sigma)) if guidance else 1.0
    return _Evaluation(float(label(call.alpha, call.sigma)), float(skip), float(out), float(scaling), scale)
