"""The KL autoencoder: shapes and padding, its divergence against torch's, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from genbench.autoencoders.kl import KLAutoencoder, Posterior
from genbench.autoencoders.options import KLOptions


def autoencoder(shape: tuple[int, int, int], downsamplings: int) -> KLAutoencoder:
    torch.manual_seed(0)
    return KLAutoencoder(shape, KLOptions(latent_channels=3, downsamplings=downsamplings, width=8))


@pytest.mark.parametrize(
    ("shape", "downsamplings", "latent_shape"),
    [
        ((1, 8, 8), 1, (3, 4, 4)),
        ((3, 32, 32), 2, (3, 8, 8)),
        ((1, 28, 28), 3, (3, 4, 4)),
        ((1, 9, 7), 2, (3, 3, 2)),
    ],
)
def test_shapes_hold_for_sides_that_do_and_do_not_divide(
    shape: tuple[int, int, int], downsamplings: int, latent_shape: tuple[int, int, int]
) -> None:
    model = autoencoder(shape, downsamplings)
    posterior = model.encode(torch.rand(2, *shape) * 2 - 1)
    assert model.latent_shape == latent_shape
    assert posterior.mean.shape == posterior.std.shape == (2, *latent_shape)
    assert bool((posterior.std > 0).all())
    assert model.decode(posterior.mean).shape == (2, *shape)


def test_padding_repeats_the_last_row_and_column() -> None:
    small, large = autoencoder((1, 7, 5), 1), autoencoder((1, 8, 6), 1)
    large.load_state_dict(small.state_dict())
    images = torch.rand(2, 1, 7, 5)
    by_hand = torch.cat([images, images[:, :, -1:]], dim=2)
    by_hand = torch.cat([by_hand, by_hand[..., -1:]], dim=3)
    assert torch.equal(small.encode(images).mean, large.encode(by_hand).mean)


def test_kl_is_that_of_torch_distributions() -> None:
    torch.manual_seed(0)
    mean, std = torch.randn(5, 3, 4, 4, dtype=torch.float64), torch.rand(5, 3, 4, 4, dtype=torch.float64) + 0.1
    zero, one = torch.zeros_like(mean), torch.ones_like(std)
    expected = kl_divergence(Independent(Normal(mean, std), 3), Independent(Normal(zero, one), 3))
    torch.testing.assert_close(Posterior(mean, std).kl(), expected)


def test_posterior_samples_have_its_mean_and_deviation() -> None:
    torch.manual_seed(0)
    draws = Posterior(torch.full((40_000,), 2.0), torch.full((40_000,), 0.5)).sample()
    assert float(draws.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(draws.std()) == pytest.approx(0.5, abs=0.01)


def test_loss_is_the_error_of_a_sample_and_nats_per_pixel() -> None:
    model, images = autoencoder((1, 8, 8), 1), torch.rand(5, 1, 8, 8) * 2 - 1
    torch.manual_seed(1)
    losses = model.loss(images, kl_weight=0.25)
    torch.manual_seed(1)
    posterior = model.encode(images)
    latents = posterior.mean + posterior.std * torch.randn_like(posterior.mean)
    error = (model.decode(latents) - images).square().sum() / (5 * 64)
    prior = Normal(torch.zeros_like(posterior.mean), torch.ones_like(posterior.std))
    nats = kl_divergence(Normal(posterior.mean, posterior.std), prior).sum() / (5 * 64)
    torch.testing.assert_close(losses["reconstruction"], error)
    torch.testing.assert_close(losses["kl"], nats)
    torch.testing.assert_close(losses["loss"], error + 0.25 * nats)


def test_learns_to_reconstruct_images_of_few_degrees_of_freedom() -> None:
    model = autoencoder((1, 8, 8), 1)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    images = (torch.rand(32, 1, 2, 2) * 2 - 1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    for _ in range(100):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(images, kl_weight=1e-4)["loss"])
        optimizer.step()
    with torch.no_grad():
        error = (model.decode(model.encode(images).mean) - images).square().mean()
    assert float(error) < 0.05 * float(images.var())
