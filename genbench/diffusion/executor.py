"""The executor: runs any sampler table, in place, on preallocated buffers, without host synchronisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.guidance import unsupported
from genbench.diffusion.predictions import label, preconditioning
from genbench.diffusion.tables import HOOK_DRAWS, Level, Memory, Row, Table
from genbench.drawing.noise import normal
from genbench.interfaces.sampling import Guidance


class StateHook(Protocol):
    """Changes a state [B, *shape] at a noise level in place: known pixels, say, noised to that level. Its own noise is
    number `draw` of each image's key, which no sampler uses.
    """

    def __call__(self, state: Tensor, level: Level, keys: Tensor, draw: int) -> object: ...


@dataclass(frozen=True)
class _Evaluation:
    """One prediction of a call, made in `buffer`: x0_hat = skip * x + out * network(scaling * x, label). `rescaled`
    says that the network's input is not that of the prediction before.
    """

    name: str
    denoiser: Denoiser
    skip: float
    out: float
    scaling: float
    rescaled: bool
    buffer: Tensor


@dataclass(frozen=True)
class _Call:
    """What is decided about a row's call before the run.

    `guidance` is None where it reads one prediction, the first. That of a `folded` call is never seen by itself: it
    goes straight into the memories. With learned variances, `deviation` takes the noise's standard deviation
    exp(a + b v), v being the network's extra output and `exponent` (a, b).
    """

    level: Level
    labels: Tensor
    evaluations: tuple[_Evaluation, ...]
    fresh: float
    guidance: Guidance | None
    folded: bool
    deviation: Tensor | None = None
    exponent: tuple[float, float] = (0.0, 0.0)


class Trajectory:
    """A table made ready for a model's denoisers, a batch size, a device and a dtype; `run` draws.

    `denoisers` make the predictions that the model offers, by name: "conditional" and others. `guidance` says which are
    needed at a level, and combines them. The hooks are given device tensors [B, *shape]:

    - on_x0(x0, level) changes every combined prediction of x_0 in place, as clipping does;
    - on_state changes every state that the network is about to see, and the result (StateHook);
    - trace(row, state, x0) sees the target of each row and the prediction of its call (None without one), for pictures.

    An image depends on its own key and conditions only. Raises ValueError if the guidance or the table reads a
    prediction that is not offered.
    """

    def __init__(
        self,
        table: Table,
        denoisers: Mapping[str, Denoiser],
        *,
        shape: tuple[int, ...],
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        guidance: Guidance | None = None,
        on_x0: Callable[[Tensor, Level], object] | None = None,
        on_state: StateHook | None = None,
        trace: Callable[[Row, Tensor, Tensor | None], object] | None = None,
    ) -> None:
        if reason := unsupported(table.predictions(guidance), tuple(denoisers)):
            raise ValueError(reason)
        self.table, self.denoisers, self.guidance = table, denoisers, guidance
        self.on_x0, self.on_state, self.trace = on_x0, on_state, trace
        self.shape, self.batch_size, self.device, self.dtype = shape, batch_size, device, dtype
        self._slots = [self._buffer() for _ in range(table.slots)]
        self._inputs = self._buffer()
        self._guidance_memory = self._buffer() if guidance is not None and guidance.memory else None
        self._predictions: list[Tensor] = []
        self._deviation = self._buffer() if any(denoiser.learned_variance for denoiser in denoisers.values()) else None
        self._calls = [self._prepare(row, row.call) if row.call else None for row in table.rows]

    @property
    def nfe(self) -> int:
        """Network evaluations per image, guidance included."""
        return self.table.nfe(self.guidance)

    @torch.no_grad()
    def run(self, keys: Tensor, **conditions: Tensor) -> Tensor:
        """Images [B, *shape] for int64 keys [B] and conditions of B images each; the caller owns the result.

        Raises ValueError unless B is the batch size.
        """
        if len(keys) != self.batch_size:
            raise ValueError(f"this trajectory was prepared for batches of {self.batch_size}, not {len(keys)}")
        if self._guidance_memory is not None:
            self._guidance_memory.zero_()
        rows = self.table.rows
        for index, (row, call) in enumerate(zip(rows, self._calls, strict=True)):
            x0 = None
            if call is not None:
                if self.on_state is not None:
                    self.on_state(self._slots[row.source], call.level, keys, HOOK_DRAWS + index)
                x0 = self._predict(row, call, conditions)
            self._step(row, call, keys)
            if self.on_state is not None and index == len(rows) - 1:
                self.on_state(self._slots[row.target], row.level, keys, HOOK_DRAWS + len(rows))
            if self.trace is not None:
                self.trace(row, self._slots[row.target], x0)
        return self._slots[rows[-1].target].clone()

    def _predict(self, row: Row, call: _Call, conditions: Mapping[str, Tensor]) -> Tensor | None:
        """Evaluate, combine and remember; the combined prediction, unless it was folded."""
        x = self._slots[row.source]
        if call.folded:
            (evaluation,) = call.evaluations
            output = self._evaluate(evaluation, x, call, conditions)
            for memory in row.memories:
                on_state = memory.on_state + memory.on_x0 * evaluation.skip
                self._remember(memory.slot, x, on_state, output, memory.on_x0 * evaluation.out)
            return None
        predictions = {}
        for evaluation in call.evaluations:
            output = self._evaluate(evaluation, x, call, conditions)
            torch.mul(output, evaluation.out, out=evaluation.buffer)
            if evaluation.skip != 0:
                evaluation.buffer.add_(x, alpha=evaluation.skip)
            predictions[evaluation.name] = evaluation.buffer
        for memory in row.memories:
            if memory.prediction is not None:
                self._remember(memory.slot, x, memory.on_state, predictions[memory.prediction], memory.on_x0)
        x0 = call.evaluations[0].buffer
        if call.guidance is not None:
            x0 = call.guidance.combine(predictions, call.level, row.level, call.fresh, self._guidance_memory)
        if self.on_x0 is not None:
            self.on_x0(x0, call.level)
        for memory in row.memories:
            if memory.prediction is None and x0 is not self._slots[memory.slot]:
                self._remember(memory.slot, x, memory.on_state, x0, memory.on_x0)
        return x0

    def _evaluate(self, evaluation: _Evaluation, x: Tensor, call: _Call, conditions: Mapping[str, Tensor]) -> Tensor:
        """The network's output [B, *shape]; of learned variances, what `_step` needs is kept."""
        if evaluation.rescaled:
            torch.mul(x, evaluation.scaling, out=self._inputs)
        output = evaluation.denoiser.network(self._inputs, call.labels, **conditions)
        if not evaluation.denoiser.learned_variance:
            return output
        output, extra = output.chunk(2, dim=1)
        if call.deviation is not None and evaluation is call.evaluations[0]:
            a, b = call.exponent
            torch.mul(extra, b, out=call.deviation).add_(a).exp_()
        return output

    def _remember(self, slot: int, x: Tensor, on_state: float, prediction: Tensor, on_prediction: float) -> None:
        torch.mul(prediction, on_prediction, out=self._slots[slot])
        if on_state != 0:
            self._slots[slot].add_(x, alpha=on_state)

    def _step(self, row: Row, call: _Call | None, keys: Tensor) -> None:
        target = self._slots[row.target]
        if row.weights:
            (first, weight), *others = row.weights
            torch.mul(self._slots[first], weight, out=target)
            for slot, weight in others:
                target.add_(self._slots[slot], alpha=weight)
        else:
            target.zero_()
        for draw, weight in row.noise:
            noise = normal(keys, draw, self.shape, self.dtype)
            if call is not None and call.deviation is not None:
                target.addcmul_(call.deviation, noise)
            else:
                target.add_(noise, alpha=weight)

    def _prepare(self, row: Row, level: Level) -> _Call:
        names = row.reads(self.guidance)
        folded = len(names) == 1 and self.on_x0 is None and self.trace is None
        # A prediction that is remembered as it is, in one slot, is made there; a trace wants it to outlive the row.
        direct = len(row.memories) == 1 and row.memories[0] == Memory(row.memories[0].slot) and self.trace is None
        buffers = [self._slots[row.memories[0].slot]] if folded or direct else []
        while len(self._predictions) < len(names) - len(buffers):
            self._predictions.append(self._buffer())
        evaluations: list[_Evaluation] = []
        for name, buffer in zip(names, buffers + self._predictions, strict=False):
            denoiser = self.denoisers[name]
            numbers = preconditioning(denoiser.prediction, level.alpha, level.sigma, denoiser.sigma_data)
            skip, out, scaling = (float(number) for number in numbers)
            rescaled = not evaluations or scaling != evaluations[-1].scaling
            evaluations.append(_Evaluation(name, denoiser, skip, out, scaling, rescaled, buffer))
        labels = torch.full((self.batch_size,), float(label(level.alpha, level.sigma)), dtype=self.dtype)
        several = self.guidance is not None and len(self.guidance.reads(level.log_snr)) > 1
        guidance = self.guidance if several else None
        call = _Call(level, labels.to(self.device), tuple(evaluations), row.fresh, guidance, folded)
        if row.variance is None or not evaluations[0].denoiser.learned_variance:
            return call
        low, high = (math.log(variance) for variance in row.variance)
        return replace(call, deviation=self._deviation, exponent=((high + low) / 4, (high - low) / 4))

    def _buffer(self) -> Tensor:
        return torch.empty(self.batch_size, *self.shape, device=self.device, dtype=self.dtype)
