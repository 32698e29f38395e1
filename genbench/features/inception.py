"""torch-fidelity's Inception-v3: the one extractor whose Fréchet distance is called FID."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.hub import load_state_dict_from_url

from genbench.features.options import InceptionOptions
from genbench.interfaces.measuring import FeatureExtractor
from genbench.registry.files import file_digest

try:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3
except ImportError as error:
    raise ImportError("features=inception needs torch-fidelity: pip install 'genbench[inception]'") from error

GIVE_A_PATH = f"Give a copy of it by path, features.inception.weights=PATH: {URL_INCEPTION_V3}"


class InceptionWeightsError(ValueError):
    """The weights could not be downloaded, found, read, or do not fit the network."""


class Inception(FeatureExtractor):
    """The 2048 pooled features [N, 2048] and the logits without bias [N, 1008] of Inception-v3, in one pass, float32.

    Network and weights are those of the original TensorFlow FID (Heusel et al., 2017), ported by torch-fidelity. Images
    of any size are resized to 299x299 as TensorFlow 1 did (bilinear, no half-pixel centres, no antialiasing), in
    floating point; grey ones are repeated to RGB.
    Raises InceptionWeightsError where the weights cannot be had, and ValueError for other numbers of channels.
    """

    name = "inception"
    outputs = ("features", "logits")

    def __init__(self, options: InceptionOptions | None = None) -> None:
        options = options or InceptionOptions()
        self.device = torch.device("cpu")
        self.network = build(read_weights(options.weights) if options.weights else download_weights())

    @classmethod
    def fingerprint(cls, options: InceptionOptions) -> str:
        """The SHA-256 of the file of weights. Raises InceptionWeightsError as the constructor does."""
        if options.weights:
            return file_digest(_existing(options.weights))
        downloaded = Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
        if not downloaded.is_file():
            download_weights()
        return file_digest(downloaded)

    def to(self, device: torch.device) -> None:
        """Move the network there."""
        self.device = device
        self.network.to(device)

    @torch.no_grad()
    def extract(self, images: Tensor) -> Mapping[str, Tensor]:
        """ "features" [N, 2048] and "logits" [N, 1008] of uint8 images [N, C, H, W], C = 1 or 3."""
        if images.shape[1] not in (1, 3):
            raise ValueError(
                f"features=inception sees grey or RGB images, not {images.shape[1]} channels; try features=pixels"
            )
        rgb = images.to(self.device).expand(-1, 3, -1, -1)
        # TF32 would cost three digits, and make numbers depend on the kind of GPU.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features, logits = self.network(rgb)
        return {"features": features.cpu(), "logits": logits.cpu()}


def build(state: Mapping[str, Tensor]) -> FeatureExtractorInceptionV3:
    """The network with these weights, in evaluation mode; InceptionWeightsError if they do not fit it."""
    # torch-fidelity unpickles whatever it is given: it gets only bytes that were just written here.
    trusted = io.BytesIO()
    torch.save(dict(state), trusted)
    trusted.seek(0)
    try:
        return FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=trusted
        )
    except RuntimeError as error:
        raise InceptionWeightsError(
            f"these are not the weights of torch-fidelity's Inception-v3: {error}\n{GIVE_A_PATH}"
        ) from error


def read_weights(path: str) -> dict[str, Tensor]:
    """The state dict in a file, read without running any code in it."""
    file = _existing(path)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise _refusal(path, f"could not be read as tensors, and nothing else is accepted ({error})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _refusal(path, "not a state dict (tensors by name)")
    return state


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    if not file.is_file():
        raise _refusal(path, "there is no such file")
    return file


def _refusal(path: str, reason: str) -> InceptionWeightsError:
    return InceptionWeightsError(f"features.inception.weights={path}: {reason}.\n{GIVE_A_PATH}")


def download_weights() -> dict[str, Tensor]:
    """torch-fidelity's weights, from torch.hub's cache or the network, with their hash checked."""
    try:
        state: dict[str, Tensor] = load_state_dict_from_url(
            URL_INCEPTION_V3, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors
        raise InceptionWeightsError(
            f"the weights of Inception-v3 could not be downloaded: {error}\n{GIVE_A_PATH}"
        ) from error
    return state
