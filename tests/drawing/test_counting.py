"""Counts of one image, against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genbench.drawing.counting import count
from genbench.interfaces.drawing import Runner, SampleRequest

ONE = SampleRequest(torch.zeros(1, dtype=torch.int64))


class Guided(Runner):
    """A main network called three times, once with a doubled batch, and a decoder called once."""

    def __init__(self) -> None:
        self.networks = {"main": nn.Linear(64, 64), "decoder": nn.Linear(64, 64, bias=False)}

    def run(self, request: SampleRequest) -> Tensor:
        main, decoder = self.networks.values()
        x = torch.zeros(len(request.keys), 64)
        x = main(main(x)) + main(input=torch.cat([x, x])).chunk(2)[0]
        images: Tensor = decoder(x).reshape(-1, 1, 8, 8)
        return images


def test_evaluations_parameters_and_operations() -> None:
    runner = Guided()
    counts = count(runner, ONE)
    assert counts.calls == {"main": 3, "decoder": 1}
    assert counts.rows == {"main": 4, "decoder": 1}
    assert (counts.nfe, counts.depth) == (4, 4)
    assert counts.parameters == 64 * 64 + 64 + 64 * 64
    assert counts.flops == 5 * 2 * 64 * 64
    assert not any(module._forward_pre_hooks for module in runner.networks.values())


def test_hooks_are_removed_though_the_run_fails() -> None:
    class Failing(Guided):
        def run(self, request: SampleRequest) -> Tensor:
            raise RuntimeError("broken")

    runner = Failing()
    with pytest.raises(RuntimeError, match="broken"):
        count(runner, ONE)
    assert not any(module._forward_pre_hooks for module in runner.networks.values())


def test_shared_parameters_count_once() -> None:
    runner = Guided()
    runner.networks = {"whole": nn.Sequential(*runner.networks.values()), **runner.networks}
    runner.run = lambda request: runner.networks["whole"](torch.zeros(1, 64))  # type: ignore[method-assign]
    assert count(runner, ONE).parameters == 64 * 64 + 64 + 64 * 64


class Operation(Runner):
    def __init__(self, operation: object) -> None:
        self.networks, self.operation = {}, operation

    def run(self, request: SampleRequest) -> Tensor:
        result: Tensor = self.operation()  # type: ignore[operator]
        return result


QUERY, KEY = torch.zeros(1, 2, 7, 8), torch.zeros(1, 2, 9, 8)
ATTENTION = 2 * 2 * 7 * 9 * (8 + 8)


@pytest.mark.parametrize(
    ("operation", "flops"),
    [
        (lambda: torch.zeros(3, 4) @ torch.zeros(4, 5), 2 * 3 * 4 * 5),
        (lambda: F.conv2d(torch.zeros(1, 3, 8, 8), torch.zeros(4, 3, 3, 3), padding=1), 2 * 64 * 4 * 27),
        (lambda: F.scaled_dot_product_attention(QUERY, KEY, KEY), ATTENTION),
        (lambda: F.scaled_dot_product_attention(QUERY.double(), KEY.double(), KEY.double()), ATTENTION),
        (lambda: F.scaled_dot_product_attention(QUERY, KEY, KEY, torch.zeros(7, 9)), ATTENTION),
        (lambda: torch.zeros(100).exp(), 0),
    ],
)
def test_operations_are_two_for_each_multiply_and_add(operation: object, flops: int) -> None:
    assert count(Operation(operation), ONE).flops == flops


def test_a_runner_without_networks_has_no_counts_of_them() -> None:
    counts = count(Operation(lambda: torch.zeros(1)), ONE)
    assert (counts.nfe, counts.depth, counts.parameters) == (None, None, None)


def test_a_runner_that_calls_none_of_its_networks_is_refused() -> None:
    runner = Operation(lambda: torch.zeros(1))
    runner.networks = {"main": nn.Linear(1, 1), "decoder": nn.Linear(1, 1)}
    with pytest.raises(ValueError, match=r"Operation names networks \(main, decoder\) and `run` calls none of them"):
        count(runner, ONE)
