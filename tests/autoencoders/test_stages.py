"""The autoencoder as a stage that models share, and images as it gives them back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.autoencoders.kl import KLAutoencoder
from genbench.autoencoders.options import KLOptions
from genbench.autoencoders.reconstruction import Reconstructed
from genbench.autoencoders.stages import KLStage, kl_plan
from genbench.images import ArrayImages, to_bytes, to_unit_range
from genbench.interfaces.budget import Budget
from genbench.interfaces.data import ConditionKind, ConditionSpec, DataSpec
from genbench.interfaces.training import Batch, LearningRate

DATA = DataSpec(1, 8, 8, levels=17, classes=("a", "b"))
OPTIONS = KLOptions(latent_channels=2, width=8, kl_weight=1e-3, budget="images:640", batch_size=32)


def trained(options: KLOptions, images: Tensor, steps: int, data: DataSpec = DATA) -> tuple[KLStage, list[float]]:
    """As the training loop does it, without schedules, averages and checkpoints."""
    torch.manual_seed(0)
    stage = KLStage(options, data, None, {})
    (name, optimizer), losses = next(iter(stage.optimizers().items())), []

    def update(loss: Tensor, which: str) -> Tensor:
        assert which == name
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        return loss.detach()

    for step in range(steps):
        indices = torch.randint(len(images), (options.batch_size,))
        batch = Batch(to_unit_range(images[indices]), indices, {}, step, step / steps)
        losses.append(float(stage.step(batch, update)["loss"]))
    return stage, losses


def images(count: int = 100) -> Tensor:
    """Few degrees of freedom: quarters of one brightness each."""
    generator = torch.Generator().manual_seed(1)
    levels = torch.randint(256, (count, 1, 2, 2), generator=generator, dtype=torch.uint8)
    return levels.repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_the_plan_depends_on_the_autoencoders_options_alone() -> None:
    plan = kl_plan(OPTIONS)
    assert (plan.name, plan.stage, plan.options) == ("autoencoder", KLStage, OPTIONS)
    assert (plan.conditions, plan.after, plan.schedule) == ((), (), False)


def test_the_spec_is_the_options() -> None:
    spec = KLStage.spec(OPTIONS)
    assert (spec.budget, spec.batch_size) == (Budget("images", 640), 32)
    assert (spec.ema, spec.learning_rate) == (0, LearningRate.COSINE)


def test_the_stage_learns() -> None:
    _, losses = trained(OPTIONS, images(), 100)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_what_it_learnt_does_not_depend_on_conditions_and_goes_into_the_network_alone() -> None:
    label = ConditionSpec("label", ConditionKind.LABEL)
    stage, _ = trained(OPTIONS, images(), 3)
    labelled, _ = trained(OPTIONS, images(), 3, DataSpec(1, 8, 8, levels=17, classes=("a", "b"), conditions=(label,)))
    state: Any = stage.state()
    assert list(state) == ["autoencoder"]
    network = KLAutoencoder(DATA.shape, OPTIONS)
    network.load_state_dict(state["autoencoder"])
    for mine, theirs in zip(network.parameters(), labelled.autoencoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)


class Counted(ArrayImages):
    """Counts the images that are read."""

    reads: list[int]

    def read(self, start: int, stop: int) -> Tensor:
        self.reads.append(stop - start)
        return super().read(start, stop)


@pytest.fixture(scope="module")
def autoencoder() -> KLAutoencoder:
    return trained(OPTIONS, images(), 100)[0].autoencoder.eval()


def test_images_come_back_through_the_means_of_their_latents(autoencoder: KLAutoencoder) -> None:
    originals = ArrayImages("real", images(), {"label": torch.arange(100)})
    sets = Reconstructed(originals, autoencoder)
    with torch.no_grad():
        expected = to_bytes(autoencoder.decode(autoencoder.encode(to_unit_range(images())).mean))
    assert (len(sets), sets.shape, sets.id) == (100, (1, 8, 8), "real-reconstructed")
    assert torch.equal(sets.columns["label"], torch.arange(100))
    assert torch.equal(sets.read(0, 100), expected)
    assert torch.equal(sets.take(torch.tensor([7, 3])), expected[[7, 3]])
    part = sets.part(10, 5)
    assert (part.first, len(part), part.id) == (10, 5, sets.id)
    assert torch.equal(part.read(1, 3), expected[11:13])
    error = (expected.double() - images().double()).square().mean()
    assert 0 < float(error) < 0.3 * float(images().double().var())


def test_nothing_is_read_before_it_is_asked_for(autoencoder: KLAutoencoder) -> None:
    originals = Counted("real", images())
    originals.reads = []
    batches = Reconstructed(originals, autoencoder).batches(30)
    assert originals.reads == []
    assert next(batches).shape == (30, 1, 8, 8)
    assert originals.reads == [30]
    assert [len(batch) for batch in batches] == [30, 30, 10]
