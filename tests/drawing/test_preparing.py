"""The fast path is used where it draws what the plain one draws."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from genbench.drawing.preparing import prepare_runner
from genbench.drawing.requests import Requests
from genbench.interfaces.drawing import DrawSpec, Runner, SampleRequest


class Offset(Runner):
    """Its keys as images, and something added."""

    networks: ClassVar[dict[str, Any]] = {}

    def __init__(self, draw: DrawSpec, offset: float) -> None:
        self.draw, self.offset = draw, offset

    def run(self, request: SampleRequest) -> dict[str, Tensor]:
        images = request.keys.remainder(100).double().reshape(-1, 1, 1, 1) / 100 + self.offset
        return {"images": images.to(self.draw.dtype), "other": torch.zeros(1)}


@pytest.mark.parametrize(
    ("dtype", "offset", "fast"),
    [
        (torch.float32, 0.0, True),
        (torch.float32, 9e-4, True),
        (torch.float32, -2e-3, False),
        (torch.float64, 9e-11, True),
        (torch.float64, 2e-10, False),
        (torch.float32, float("nan"), False),
    ],
)
def test_the_fast_path_is_used_if_it_differs_by_rounding_only(
    dtype: torch.dtype, offset: float, fast: bool, requests: Requests, clock: Any
) -> None:
    said: list[str] = []
    prepared: list[bool] = []

    def prepare(draw: DrawSpec) -> Runner:
        prepared.append(draw.fast)
        clock.queue(3.0 if draw.fast else 5.0)
        return Offset(draw, offset if draw.fast else 0.0)

    draw = DrawSpec(sampler=None, batch_size=4, device=torch.device("cpu"), dtype=dtype, fast=True)  # type: ignore[arg-type]
    ready = prepare_runner(prepare, draw, requests, clock, said.append)
    assert (ready.draw.fast, ready.runner.draw.fast) == (fast, fast)  # type: ignore[attr-defined]
    assert ready.seconds == (3.0 if fast else 5.0)
    assert prepared == ([False, True] if fast else [False, True, False])
    assert len(said) == (0 if fast else 1)


def test_the_plain_path_is_prepared_once_and_not_run(requests: Requests, clock: Any) -> None:
    class Unrun(Offset):
        def run(self, request: SampleRequest) -> dict[str, Tensor]:
            raise AssertionError

    draw = DrawSpec(sampler=None, batch_size=4, device=torch.device("cpu"))  # type: ignore[arg-type]
    prepared: list[DrawSpec] = []
    prepare_runner(lambda spec: prepared.append(spec) or Unrun(spec, 0.0), draw, requests, clock)
    assert prepared == [draw]
