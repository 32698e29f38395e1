"""Inception-v3 with random weights: the numbers of torch-fidelity's own API, and errors that say what to do."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch_fidelity import feature_extractor_inceptionv3 as peer
from torch_fidelity.utils import create_feature_extractor, get_featuresdict_from_dataset

from genbench.features import inception
from genbench.features.inception import Inception, InceptionWeightsError
from genbench.features.options import InceptionOptions
from genbench.measuring.identity import counted_options


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of random weights, of the real architecture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peer, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(peer.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = peer.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=generator)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    yield path
    path.unlink()  # 95 MB, and pytest keeps its folders


@pytest.fixture(scope="module")
def extractor(weights: Path) -> Inception:
    return Inception(InceptionOptions(weights=str(weights)))


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Smooth colour images, 12x10 so that resizing matters."""
    coarse = torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, (12, 10), mode="bicubic").clamp(0, 1).mul(255).round().to(torch.uint8)


class Images(Dataset[Tensor]):
    """What torch-fidelity takes: a dataset of uint8 images [3, H, W]."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def test_features_and_logits_are_those_of_torch_fidelity(
    extracted: Callable[..., dict[str, Tensor]], weights: Path, extractor: Inception, images: Tensor
) -> None:
    layers = ["2048", "logits_unbiased"]
    network = create_feature_extractor(
        "inception-v3-compat", layers, cuda=False, verbose=False, feature_extractor_weights_path=str(weights)
    )
    expected = get_featuresdict_from_dataset(Images(images), network, 3, cuda=False, save_cpu_ram=True, verbose=False)
    ours = extracted(extractor, images, batch_size=2)
    assert expected["2048"].std(0).mean() > 1e-3
    torch.testing.assert_close(ours["features"], expected["2048"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours["logits"], expected["logits_unbiased"], rtol=1e-4, atol=1e-4)


def test_grey_images_are_repeated_to_rgb(extractor: Inception, images: Tensor) -> None:
    grey = images[:1, :1]
    repeated = extractor.extract(grey.repeat(1, 3, 1, 1))
    assert torch.equal(extractor.extract(grey)["features"], repeated["features"])


def test_other_numbers_of_channels_are_refused(extractor: Inception) -> None:
    with pytest.raises(ValueError, match=r"grey or RGB images, not 4 channels"):
        extractor.extract(torch.zeros(1, 4, 8, 8, dtype=torch.uint8))


def test_the_fingerprint_is_of_the_weights_and_not_of_where_they_lie(weights: Path, tmp_path: Path) -> None:
    here, there = InceptionOptions(str(weights)), InceptionOptions(str(tmp_path / "copy.pth"))
    shutil.copy(weights, there.weights)
    assert Inception.fingerprint(here) == Inception.fingerprint(there)
    assert counted_options(here) == counted_options(there) == {}
    with open(there.weights, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert Inception.fingerprint(here) != Inception.fingerprint(there)
    Path(there.weights).unlink()  # 95 MB, and pytest keeps its folders
    with pytest.raises(InceptionWeightsError, match="there is no such file"):
        Inception.fingerprint(InceptionOptions("no/such.pth"))


def test_a_missing_file_is_named_with_where_to_get_it() -> None:
    with pytest.raises(
        InceptionWeightsError, match=r"features\.inception\.weights=no/such\.pth: there is no such file.*\n.*https://"
    ):
        Inception(InceptionOptions(weights="no/such.pth"))


class Malicious:
    """Unpickling this would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_code_in_a_weights_file_is_not_run(tmp_path: Path, save: object) -> None:
    assert callable(save)
    path, evidence = tmp_path / "weights.pth", tmp_path / "evidence"
    save({"fc.bias": Malicious(evidence)}, path)
    with pytest.raises(InceptionWeightsError, match="could not be read as tensors"):
        Inception(InceptionOptions(weights=str(path)))
    assert not evidence.exists()


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(InceptionWeightsError, match="not the weights of torch-fidelity's Inception-v3"):
        Inception(InceptionOptions(weights=str(path)))


def test_a_file_that_holds_no_state_dict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(InceptionWeightsError, match=r"not a state dict \(tensors by name\)"):
        Inception(InceptionOptions(weights=str(path)))


def test_a_failed_download_says_how_to_give_the_weights_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> dict[str, Tensor]:
        raise URLError("no route to host")

    monkeypatch.setattr(inception, "load_state_dict_from_url", offline)
    with pytest.raises(InceptionWeightsError, match=r"downloaded.*no route.*\n.*features\.inception\.weights=PATH"):
        Inception(InceptionOptions())
