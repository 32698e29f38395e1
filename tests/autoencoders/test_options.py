"""The options of the KL autoencoder: what is refused, and that naming them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genbench.autoencoders.options import KLOptions


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_channels": 0}, r"autoencoder\.latent_channels must be above 0, not 0"),
        ({"width": -8}, r"autoencoder\.width"),
        ({"learning_rate": float("nan")}, r"autoencoder\.learning_rate"),
        ({"blocks": -1}, r"autoencoder\.blocks must not be negative"),
        ({"kl_weight": -0.1}, r"autoencoder\.kl_weight must not be negative"),
        ({"budget": "700"}, "a budget is steps:N or images:N"),
        ({"budget": "steps:0"}, "N at least 1"),
    ],
)
def test_values_out_of_range_are_refused_in_words(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KLOptions(**options)  # type: ignore[arg-type]


def test_images_too_small_for_their_downsamplings_are_said() -> None:
    assert KLOptions(downsamplings=3).unsupported(8, 9) is None
    assert "divides the sides by 8, too much for images of 7x9" in (KLOptions(downsamplings=3).unsupported(7, 9) or "")


def test_options_import_no_torch() -> None:
    code = "import sys, genbench.autoencoders.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
