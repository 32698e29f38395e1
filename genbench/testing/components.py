"""What every metric, feature extractor and noise schedule must do, as tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from genbench.discovery.plugins import load_plugins
from genbench.interfaces.drawing import Schedule
from genbench.interfaces.measuring import FeatureExtractor, Features, Metric
from genbench.registry.entries import Entry
from genbench.testing.processes import python
from genbench.testing.subjects import COLOUR, GREY, changed, made_up


class _Suite:
    kind: ClassVar[str]
    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def entry(cls) -> Entry:
        """The registered thing."""
        return load_plugins().registry.get(cls.kind, cls.name)

    @classmethod
    def made(cls) -> Any:
        """It, with the options of the suite."""
        return cls.entry().load()(cls._options())

    @classmethod
    def _options(cls) -> Any:
        return changed(cls.entry().options(), cls.options)


class MetricConformance(_Suite):
    """Subclass it with the `name` that the metric is registered by."""

    kind = "metrics"

    def test_measurements_are_finite_and_keep_their_names(self) -> None:
        metric, (generated, reference) = self._metric()
        found = metric.compute(generated, reference)
        assert found, "compute() returned no measurement"
        for name, measurement in found.items():
            assert np.isfinite(measurement.value), f"'{name}' of ordinary features is {measurement.value}"
            assert measurement.n == len(generated), f"'{name}' says n={measurement.n} of {len(generated)} images"
            assert measurement.estimand, f"'{name}' does not say what it estimates"
            error = measurement.standard_error
            assert error is None or error >= 0, f"the standard error of '{name}' is {error}"
        again = metric.compute(generated, reference)
        assert {name: m.value for name, m in again.items()} == {name: m.value for name, m in found.items()}, (
            "measuring twice gives two values: fix the seed of whatever is drawn inside"
        )

    def test_the_order_of_reference_images_does_not_matter(self) -> None:
        metric, (generated, reference) = self._metric()
        order = torch.randperm(len(reference), generator=torch.Generator().manual_seed(1))
        shuffled = Features(reference.features[order], None if reference.logits is None else reference.logits[order])
        found, other = metric.compute(generated, reference), metric.compute(generated, shuffled)
        for name, measurement in found.items():
            assert other[name].value == pytest.approx(measurement.value, rel=1e-6, abs=1e-9), (
                f"'{name}' depends on the order of the reference images"
            )

    def _metric(self) -> tuple[Metric, tuple[Features, Features]]:
        generator = torch.Generator().manual_seed(0)

        def features(shift: float) -> Features:
            drawn = torch.randn(120, 13, generator=generator)
            return Features(drawn[:, :8] + shift, drawn[:, 8:])

        metric: Metric = self.made()
        pair = features(0.2), features(0.0)
        if reason := metric.unsupported(*pair):
            pytest.skip(f"refused: {reason}")
        return metric, pair


class FeatureExtractorConformance(_Suite):
    """Subclass it with the `name` that the extractor is registered by."""

    kind = "features"

    @pytest.mark.parametrize("spec", [GREY, COLOUR], ids=["grey", "colour"])
    def test_images_are_seen_one_by_one(self, spec: Any) -> None:
        extractor: FeatureExtractor = self.made()
        images = made_up(spec).images[:6]
        kept = images.clone()
        try:
            found = extractor.extract(images)
        except ValueError as error:
            pytest.skip(f"refused: {error}")
        assert torch.equal(images, kept), "extract() changed the images it was given"
        assert found.features.ndim == 2, f"features have shape {tuple(found.features.shape)}, not [N, D]"
        assert len(found) == 6, f"6 images gave {len(found)} rows of features"
        assert found.features.device.type == "cpu", f"features are on {found.features.device}, not on the CPU"
        assert found.features.isfinite().all(), "features hold NaN or infinity"
        alone = torch.cat([extractor.extract(images[i : i + 1]).features for i in range(6)])
        scale = float(found.features.abs().max())
        assert torch.allclose(found.features, alone, rtol=1e-4, atol=1e-4 * scale), (
            "an image's features depend on its neighbours: is a network in training mode?"
        )

    def test_it_says_what_it_is(self) -> None:
        first, second = self.made(), self.made()
        assert first.fingerprint, "the fingerprint is empty: it must cover weights, resizing, input range and dtype"
        assert first.fingerprint == second.fingerprint, "two of the same extractor have different fingerprints"


class ScheduleConformance(_Suite):
    """Subclass it with the `name` that the noise schedule is registered by."""

    kind = "schedule"

    @classmethod
    def made(cls) -> Any:
        """The value, which is its own options."""
        return cls._options()

    def test_it_is_an_immutable_value(self) -> None:
        schedule = self.made()
        assert schedule == self.made(), "two of the same schedule are not equal: make it a frozen dataclass"
        for option in fields(schedule)[:1]:
            with pytest.raises(AttributeError):  # dataclasses.FrozenInstanceError is one
                setattr(schedule, option.name, None)
        assert replace(schedule) == schedule

    def test_it_imports_no_torch(self) -> None:
        done = python(f"import sys, {self.entry().module}; sys.exit('torch' in sys.modules)")
        assert done.returncode == 0, f"its module imports torch; schedules are host float64 in numpy.{done.stderr}"

    def test_noise_grows_and_the_inverse_is_one(self) -> None:
        schedule: Schedule = self.made()
        t = np.linspace(0.01, 1, 100)
        alpha, sigma = schedule.alpha_sigma(t)
        assert alpha.shape == sigma.shape == t.shape, "alpha_sigma(t) must have t's shape"
        assert alpha.dtype == sigma.dtype == np.float64, "alpha_sigma(t) must be float64"
        assert (alpha >= 0).all(), "alpha is below 0 somewhere"
        assert (sigma >= 0).all(), "sigma is below 0 somewhere"
        assert (alpha + sigma > 0).all(), "alpha and sigma are both 0 somewhere"
        with np.errstate(divide="ignore"):
            log_snr = 2 * (np.log(alpha) - np.log(sigma))
        assert (np.diff(log_snr) < 0).all(), "log(alpha^2 / sigma^2) must strictly decrease in t: t = 0 is data"
        inside = np.isfinite(log_snr)
        assert np.allclose(schedule.t_at(log_snr[inside]), t[inside], atol=1e-6), "t_at is not the inverse of log-SNR"
        ends = schedule.t_at(np.array([200.0, -200.0]))
        assert ((ends >= 0) & (ends <= 1)).all(), f"t_at leaves [0, 1] for extreme log-SNR: {ends}; clip it"
