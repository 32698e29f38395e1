"""What one image takes, counted while it is drawn: calls of networks, operations, parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from genbench.interfaces.drawing import Runner, SampleRequest


@dataclass(frozen=True)
class Counts:
    """`calls` of each network in one run at batch 1, and the `rows` of the batches that these calls had (two where
    guidance stacks predictions), by name. For a runner without networks both are empty, and what is counted of networks
    is None.
    """

    calls: Mapping[str, int]
    rows: Mapping[str, int]
    flops: int
    parameters: int | None

    @property
    def nfe(self) -> int | None:
        """Evaluations of the main network per image: the first one that the runner names."""
        return next(iter(self.rows.values()), None)

    @property
    def depth(self) -> int | None:
        """Calls of all networks, one after another."""
        return sum(self.calls.values()) if self.calls else None


@torch.inference_mode()
def count(runner: Runner, request: SampleRequest) -> Counts:
    """Draw the one image of the request with a *plain* runner (a captured one calls no modules) and count.

    Operations are those of matrix products, convolutions and attention, two per multiply-add. Raises ValueError for a
    runner that names networks and calls none of them.
    """
    calls, rows = dict.fromkeys(runner.networks, 0), dict.fromkeys(runner.networks, 0)

    def counter(name: str) -> Callable[..., None]:
        def before(module: nn.Module, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> None:
            tensors = [value for value in (*inputs, *options.values()) if isinstance(value, Tensor) and value.ndim]
            calls[name] += 1
            rows[name] += len(tensors[0]) if tensors else 1

        return before

    with ExitStack() as hooks, FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION) as operations:
        for name, network in runner.networks.items():
            hooks.callback(network.register_forward_pre_hook(counter(name), with_kwargs=True).remove)
        runner.run(request)
    if calls and not any(calls.values()):
        raise ValueError(
            f"{type(runner).__name__} names networks ({', '.join(calls)}) and `run` calls none of them, so their"
            " evaluations cannot be counted: name the modules that it calls, or none"
        )
    return Counts(calls, rows, operations.get_total_flops(), _parameters(runner))


def _parameters(runner: Runner) -> int | None:
    """Numbers that drawing an image needs: parameters of the runner's networks, shared ones once."""
    if not runner.networks:
        return None
    return sum({id(p): p.numel() for network in runner.networks.values() for p in network.parameters()}.values())


def _attention(query: Sequence[int], key: Sequence[int], value: Sequence[int], *rest: Any, **options: Any) -> int:
    """Two products: queries [B, H, S, E] by keys [B, H, T, E], and the result by values [B, H, T, F]."""
    *heads, length, size = query
    pairs: int = math.prod(heads) * length * key[-2]
    return 2 * pairs * (size + value[-1])


CPU_ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
"""torch counts attention by every kernel but the CPU's."""
