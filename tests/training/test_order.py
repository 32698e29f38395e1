"""Batches: epochs without repetition, any step known alone, equal for equal stages and seeds only."""

from __future__ import annotations

import torch

from genbench.training.order import Order


def test_every_epoch_sees_every_image_once_in_its_own_order() -> None:
    order = Order(10, seed=3, name="stage")
    indices = torch.cat([order.batch(step, 4) for step in range(5)])
    assert sorted(indices[:10].tolist()) == list(range(10))
    assert sorted(indices[10:].tolist()) == list(range(10))
    assert indices[:10].tolist() != indices[10:].tolist()


def test_any_step_is_known_without_the_ones_before() -> None:
    order = Order(10, seed=3, name="stage")
    in_turn = [order.batch(step, 4) for step in range(6)]
    assert torch.equal(Order(10, seed=3, name="stage").batch(3, 4), in_turn[3])
    assert torch.equal(order.batch(0, 4), in_turn[0])


def test_a_batch_may_be_larger_than_the_split() -> None:
    batch = Order(3, seed=0, name="stage").batch(1, 7)
    assert len(batch) == 7
    assert set(batch.tolist()) == {0, 1, 2}


def test_order_follows_from_seed_and_name() -> None:
    batches = [Order(100, seed, name).batch(0, 100) for seed, name in [(0, "a"), (1, "a"), (0, "b"), (0, "a")]]
    assert torch.equal(batches[0], batches[3])
    assert not torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])
