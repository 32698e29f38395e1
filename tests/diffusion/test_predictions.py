"""The four parametrisations as one linear map, against their papers' formulas; noise labels; pure noise."""

from __future__ import annotations

import numpy as np
import pytest

from genbench.diffusion.predictions import Prediction, label, preconditioning, target_weights, unsupported
from genbench.diffusion.schedules import EDM, Cosine, Flow, ZeroTerminalSNR

ANGLE = np.linspace(0.01, np.pi / 2 - 0.01, 7)
VP = np.cos(ANGLE), np.sin(ANGLE)
VE = np.ones(7), np.geomspace(0.002, 80, 7)


@pytest.mark.parametrize("prediction", Prediction)
@pytest.mark.parametrize("path", [VP, VE], ids=["vp", "ve"])
@pytest.mark.parametrize("sigma_data", [0.5, 1.0, 3.0])
def test_the_target_is_what_the_map_turns_into_x0(prediction, path, sigma_data):
    alpha, sigma = path
    x0, eps = np.random.default_rng(0).standard_normal((2, 7))
    skip, out, _ = preconditioning(prediction, alpha, sigma, sigma_data)
    on_x0, on_eps = target_weights(prediction, alpha, sigma, sigma_data)
    x = alpha * x0 + sigma * eps
    np.testing.assert_allclose(skip * x + out * (on_x0 * x0 + on_eps * eps), x0, rtol=1e-9)


@pytest.mark.parametrize("sigma_data", [0.5, 2.0])
def test_edm_is_table_1(sigma_data):
    sigma = VE[1]
    skip, out, scaling = preconditioning(Prediction.edm, *VE, sigma_data)
    np.testing.assert_allclose(skip, sigma_data**2 / (sigma**2 + sigma_data**2))
    np.testing.assert_allclose(out, sigma * sigma_data / np.sqrt(sigma**2 + sigma_data**2))
    np.testing.assert_allclose(scaling, 1 / np.sqrt(sigma**2 + sigma_data**2))
    np.testing.assert_allclose(label(*VE), np.log(sigma) / 4)


def test_variance_preserving_formulas():
    alpha, sigma = VP
    x0, eps = 0.3, -1.2
    x = alpha * x0 + sigma * eps
    for prediction, output in (
        (Prediction.epsilon, eps),
        (Prediction.x0, x0),
        (Prediction.v, alpha * eps - sigma * x0),  # Salimans & Ho 2022, appendix D
    ):
        skip, out, scaling = preconditioning(prediction, alpha, sigma)
        np.testing.assert_allclose(skip * x + out * output, x0, rtol=1e-12)
        np.testing.assert_allclose(scaling, 1, rtol=1e-15)


def test_edm_with_unit_data_is_v_with_the_sign_turned():
    v, edm = preconditioning(Prediction.v, *VP), preconditioning(Prediction.edm, *VP)
    np.testing.assert_allclose(edm[0], v[0])
    np.testing.assert_allclose(edm[1], -v[1])


def test_inputs_and_edm_targets_have_unit_variance():
    for alpha, sigma in (VP, VE):
        on_x0, on_eps = target_weights(Prediction.edm, alpha, sigma, 0.5)
        np.testing.assert_allclose((0.5 * on_x0) ** 2 + on_eps**2, 1)
        scaling = preconditioning(Prediction.edm, alpha, sigma, 0.5)[2]
        np.testing.assert_allclose(scaling**2 * ((0.5 * alpha) ** 2 + sigma**2), 1)


def test_labels_depend_on_the_log_snr_alone_and_are_finite():
    alpha, sigma = VP
    np.testing.assert_allclose(label(alpha, sigma), label(np.ones(7), sigma / alpha), rtol=1e-12)
    assert (float(label(1.0, 0.0)), float(label(1e-30, 1.0))) == (-5, 5)


@pytest.mark.parametrize("prediction", [Prediction.x0, Prediction.v, Prediction.edm])
def test_pure_noise_is_predicted_from_as_the_limit_of_ever_more_noise(prediction):
    angles = np.pi / 2 - np.array([1e-9, 0.0])
    alpha, sigma = np.cos(angles), np.sin(angles)
    alpha[-1] = 0
    for numbers in (
        *preconditioning(prediction, alpha, sigma, 0.5),
        *target_weights(prediction, alpha, sigma, 0.5),
        label(alpha, sigma),
    ):
        assert np.isfinite(numbers).all()
        assert numbers[1] == pytest.approx(numbers[0], abs=1e-8)


def test_only_a_prediction_of_the_noise_cannot_start_from_pure_noise():
    for prediction in Prediction:
        assert unsupported(prediction, Cosine()) is None
        assert unsupported(prediction, EDM()) is None
        for schedule in (Flow(), ZeroTerminalSNR()):
            reason = unsupported(prediction, schedule)
            assert (reason is None) == (prediction is not Prediction.epsilon)
    assert "choose a prediction out of x0, v, edm" in (unsupported(Prediction.epsilon, Flow()) or "")
