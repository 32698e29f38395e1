"""What every feature extractor must do, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from genbench.discovery.plugins import load_plugins
from genbench.interfaces.data import DataSpec
from genbench.interfaces.measuring import SOURCES, FeatureExtractor
from genbench.testing.made_up import COLOUR, GREY, made_up
from genbench.testing.suite import Suite


class FeatureExtractorConformance(Suite):
    """Subclass it with the `name` that the extractor is registered by. `data` are the kinds of images tried; those that
    it refuses with a ValueError are passed over.
    """

    kind = "features"
    data: ClassVar[Sequence[DataSpec]] = (GREY, COLOUR)

    def test_it_says_what_it_gives(self) -> None:
        extractor: FeatureExtractor = self.build()
        assert isinstance(extractor, FeatureExtractor), f"it is a {type(extractor).__name__}, no FeatureExtractor"
        assert extractor.outputs, "`outputs` is empty: name what extract() returns, first what distances are taken of"
        assert len(set(extractor.outputs)) == len(extractor.outputs), "`outputs` names one output twice"
        taken = [output for output in extractor.outputs if output in SOURCES]
        assert not taken, f"an output is called '{taken[0]}', which metrics read as something else: choose another name"
        datasets = load_plugins().registry.names("dataset")
        assert extractor.domain in ("", *datasets), (
            f"domain is '{extractor.domain}', and no dataset is registered by that name; leave it empty for"
            " images of any kind"
        )

    def test_its_fingerprint_is_that_of_its_files(self) -> None:
        options = self.choice().options
        extractor: type[FeatureExtractor] = self.entry().load()  # type: ignore[assignment]
        fingerprint = extractor.fingerprint(options)
        assert fingerprint is None or (isinstance(fingerprint, str) and fingerprint), (
            f"fingerprint(options) is {fingerprint!r}: return genbench.files_digest(paths) of the weights that it"
            " reads, or None if it reads no files"
        )
        assert fingerprint == extractor.fingerprint(options), "asked twice, fingerprint(options) says two things"

    def test_outputs_are_those_it_announced(self) -> None:
        for extractor, images in self._extractors():
            outputs = extractor.extract(images)
            assert tuple(outputs) == tuple(extractor.outputs), (
                f"extract() returns {', '.join(outputs)}, and `outputs` announces {', '.join(extractor.outputs)}"
            )
            for name, values in outputs.items():
                assert isinstance(values, Tensor), f"'{name}' is a {type(values).__name__}: return tensors"
                assert values.is_floating_point(), f"'{name}' is {values.dtype}: return floats"
                assert len(values) == len(images), f"{len(images)} images gave {len(values)} rows of '{name}'"
                assert values.device.type == "cpu", f"'{name}' is on {values.device}: bring it back to the CPU"
                assert not values.requires_grad, f"'{name}' requires gradients: extract under torch.no_grad()"
                assert values.isfinite().all(), f"'{name}' holds NaN or infinity"
            first = outputs[extractor.outputs[0]]
            assert first.ndim == 2, f"'{extractor.outputs[0]}' has shape {list(first.shape)}: the first one is [N, D]"

    def test_images_are_seen_one_by_one(self) -> None:
        for extractor, images in self._extractors():
            before = images.clone()
            together = extractor.extract(images)
            assert torch.equal(images, before), "extract() changed the images it was given: work on a copy"
            single = [extractor.extract(images[i : i + 1]) for i in range(len(images))]
            for name, values in together.items():
                alone, scale = torch.cat([outputs[name] for outputs in single]), float(values.abs().max())
                assert torch.allclose(values, alone, rtol=1e-4, atol=1e-4 * scale), (
                    f"'{name}' of an image depends on its neighbours: is a network in training mode, or is something"
                    " taken over the batch?"
                )

    def test_equal_images_have_equal_features(self) -> None:
        for extractor, images in self._extractors():
            torch.manual_seed(0)
            first = extractor.extract(images)
            torch.manual_seed(1)
            for what, other in (("the second time", extractor), ("from another of the same extractor", self.build())):
                again = other.extract(images)
                for name, values in first.items():
                    assert torch.equal(values, again[name]), (
                        f"'{name}' of equal images differs {what}: features are kept and compared for ever, so nothing"
                        " in them may be random"
                    )

    def _extractors(self) -> Iterator[tuple[FeatureExtractor, Tensor]]:
        """The extractor, with six images of each kind that it sees."""
        refusals = []
        extractor: FeatureExtractor = self.build()
        for spec in self.data:
            images = made_up(spec).splits["train"].read(0, 6)
            try:
                extractor.extract(images.clone())
            except ValueError as error:
                refusals.append(str(error))
                continue
            yield extractor, images
        if len(refusals) == len(self.data):
            pytest.fail(f"it refuses all images of this suite ({refusals[0]}): name some that it sees in `data`")
