"""The four parametrisations as one linear map, against their papers' formulas; noise labels; guidance weights."""

from __future__ import annotations

import numpy as np
import pytest

from genbench.diffusion.guidance import ClassifierFree, NoGuidance
from genbench.diffusion.predictions import Prediction, label, preconditioning, target_weights

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


def test_guidance_acts_inside_its_interval():
    assert NoGuidance().scale_at(0) == 1
    assert ClassifierFree().scale_at(-100) == 1.5
    guidance = ClassifierFree(scale=3, log_snr_min=-2, log_snr_max=2)
    assert [guidance.scale_at(snr) for snr in (-2.1, -2, 0, 2, 2.1)] == [1, 3, 3, 3, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": -1}, "number >= 0"),
        ({"scale": float("nan")}, "number >= 0"),
        ({"log_snr_min": 1, "log_snr_max": 1}, "nothing would be guided"),
    ],
)
def test_wrong_guidance_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        ClassifierFree(**options)
