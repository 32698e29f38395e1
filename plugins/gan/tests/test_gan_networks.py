"""The GAN's two networks: sizes, spectral norm, augmentation."""

from __future__ import annotations

import pytest
import torch
from genbench_gan.networks import Discriminator, GeneratorNetwork, augment
from torch import nn

from genbench import DataSpec


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(
    ("channels", "height", "width"),
    [(1, 8, 8), (3, 28, 28), (1, 32, 32), (3, 32, 32), (1, 30, 9), (2, 5, 6), (1, 2, 2)],
)
def test_any_size_works(channels: int, height: int, width: int, classes: int) -> None:
    data = DataSpec(channels, height, width)
    labels = torch.arange(4) % classes if classes else None
    images = GeneratorNetwork(data, 5, 4, classes)(torch.randn(4, 5), labels)
    assert images.shape == (4, channels, height, width)
    assert images.abs().max() <= 1
    scores = Discriminator(data, 4, classes)(images, labels)
    assert scores.shape == (4,)
    scores.sum().backward()


def test_labels_change_images_and_scores() -> None:
    data = DataSpec(1, 8, 8)
    latents, zeros, ones = torch.randn(2, 5), torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    generator, discriminator = GeneratorNetwork(data, 5, 4, 2).eval(), Discriminator(data, 4, 2).eval()
    images = generator(latents, zeros)
    assert not torch.equal(images, generator(latents, ones))
    assert not torch.equal(discriminator(images, zeros), discriminator(images, ones))


def test_every_weight_of_the_discriminator_has_spectral_norm_one() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(DataSpec(3, 16, 16), 8, 10)
    images, labels = torch.randn(4, 3, 16, 16), torch.arange(4)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        discriminator(images, labels).mean().backward()
        optimizer.step()
    for _ in range(30):
        discriminator(images, labels)  # power iterations go on in training mode
    discriminator.eval()
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding)]
    assert len(layers) == 6
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
        assert float(norm) == pytest.approx(1, abs=0.02), layer


def test_augmentation_keeps_shape_and_passes_gradients_on() -> None:
    torch.manual_seed(0)
    images = torch.rand(64, 3, 8, 8, requires_grad=True)
    seen = augment(images)
    assert seen.shape == images.shape
    (gradient,) = torch.autograd.grad(seen.square().sum(), images)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).abs().amax(1).min() > 0
    # At most a quarter is cut out, less where the square reaches over the edge.
    assert 0.1 < float((seen == 0).float().mean()) < 0.35


def test_augmentation_shifts_by_at_most_an_eighth() -> None:
    torch.manual_seed(0)
    images = torch.full((256, 1, 16, 16), -1.0)
    images[:, :, 7:9, 7:9] = 1.0
    brightest = augment(images).flatten(2).argmax(2)
    rows, columns = brightest // 16, brightest % 16
    hit = (rows - 7).abs().le(3) & (columns - 7).abs().le(3)
    assert float(hit.float().mean()) > 0.7  # the rest were cut out
    assert len(set(brightest[hit].tolist())) > 9
