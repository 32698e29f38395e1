"""Averaged weights against the recursion written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genbench.training.averages import Averages, buffers


class Counter(nn.Module):
    """A parameter, a buffer that is assigned to anew, one of integers, and one that is not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)


def test_parameters_and_buffers_follow_the_recursion() -> None:
    module = nn.ModuleDict({"inner": Counter()})
    inner = module["inner"]
    assert isinstance(inner, Counter)
    averages = Averages({"module": module}, decay=0.5)
    weight, mean = torch.zeros(2), torch.zeros(2)
    for step in range(8):
        with torch.no_grad():
            inner.weight += torch.tensor([1.0, step])
        inner.mean = inner.mean + 2.0
        inner.get_buffer("count").add_(1)
        averages.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        weight = decay * weight + (1 - decay) * inner.weight.detach()
        mean = decay * mean + (1 - decay) * inner.mean
    averages.put_in_place()
    torch.testing.assert_close(inner.weight.detach(), weight)
    torch.testing.assert_close(inner.mean, mean)
    assert int(inner.get_buffer("count")) == 8


def test_averages_are_saved_and_loaded() -> None:
    one, other = Counter(), Counter()
    first, second = Averages({"m": one}, 0.9), Averages({"m": other}, 0.9)
    with torch.no_grad():
        one.weight.fill_(3.0)
    first.update(5)
    second.load(first.values)
    second.put_in_place()
    assert other.weight.tolist() == pytest.approx([3.0 * (1 - 6 / 15)] * 2)


def test_buffers_names_the_persistent_ones_by_their_key() -> None:
    module = nn.Sequential(nn.Linear(2, 2), Counter(), nn.BatchNorm1d(2))
    names = [key for key, _, _ in buffers(module)]
    assert names == ["1.mean", "1.count", "2.running_mean", "2.running_var", "2.num_batches_tracked"]
    assert all(owner.get_buffer(name) is module.state_dict(keep_vars=True)[key] for key, owner, name in buffers(module))
