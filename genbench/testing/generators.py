"""What every Generator must do, as tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genbench.discovery.plugins import load_plugins
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import Generator, HasLikelihood
from genbench.registry.entries import Entry
from genbench.testing.processes import COMPOSE, presets, python
from genbench.testing.subjects import COLOUR, GREY, LABELLED, Subject

TOLERANCES = {torch.float32: 1e-3, torch.float64: 1e-10}  # docs/protocol.md


class GeneratorConformance:
    """Subclass it as `class TestMine(GeneratorConformance)` with the `name` the model is registered by and `options`
    so small that training takes a second (options inside options as nested dicts).

    `sampler_options` are set on the sampler that the model brings. `data` are the kinds of images tried; those that
    `unsupported` refuses are skipped. Set `discrete` if pixels are picked from the levels one after another: in float32
    a near-tie may then change an image.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    sampler_options: ClassVar[Mapping[str, Any]] = {}
    data: ClassVar[Sequence[DataSpec]] = (GREY, LABELLED, COLOUR)
    discrete: ClassVar[bool] = False

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Tries every kind of data, every device that is there, both floating-point types."""
        devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        tried: dict[str, Sequence[Any]] = {"spec": self.data, "device": devices, "dtype": list(TOLERANCES)}
        for argument in tried.keys() & set(metafunc.fixturenames):
            metafunc.parametrize(argument, tried[argument], ids=map(_describe, tried[argument]))

    @classmethod
    def entry(cls) -> Entry:
        """The registered model."""
        found = load_plugins()
        if cls.name not in found.registry.names("model"):
            broken = "; ".join(
                f"plugin '{s.name}' is broken: {s.error}" for s in found.statuses if s.status == "broken"
            )
            pytest.fail(f"no plugin registers a model '{cls.name}': is yours installed (pip install -e .)? {broken}")
        return found.registry.get("model", cls.name)

    # ---------------------------------------------------------------------------------------------- registration

    def test_the_plugin_registers_without_importing_torch(self) -> None:
        others = {status.name for status in load_plugins().statuses} - {self.entry().provider}
        code = "import sys; from genbench.discovery.plugins import load_plugins; load_plugins(); sys.exit('torch' in sys.modules)"
        done = python(code, GENBENCH_DISABLE=",".join(others))
        assert done.returncode == 0, (
            "the plugin's top module imports torch, so that every `genbench --help` takes seconds: register the model"
            f" as 'module:Class' and keep its options in a module without torch.{done.stderr}"
        )

    def test_every_option_has_a_default(self) -> None:
        options = self.entry().options
        without = [f.name for f in fields(options) if f.default is MISSING and f.default_factory is MISSING]
        assert not without, f"{options.__name__}.{without[0]} has no default: `model={self.name}` alone must do"

    def test_the_model_and_its_presets_compose(self) -> None:
        chosen = [f"model={self.name}"]
        for provider, package in load_plugins().registry.config_packages:
            if provider == self.entry().provider:
                chosen += presets(package, self.name)
        done = python(COMPOSE, *chosen)
        assert done.returncode == 0, f"`genbench run --cfg=job` fails for {done.stderr}"

    # ------------------------------------------------------------------------------------------------------ refusals

    def test_it_draws_with_the_sampler_it_brings(self) -> None:
        reasons = [self._subject(spec).unsupported() for spec in self.data]
        assert None in reasons, f"unsupported() refuses all data of this suite: {reasons[0]}"

    def test_it_refuses_samplers_it_does_not_understand(self) -> None:
        subject = self._subject(self.data[0])
        registry = load_plugins().registry
        for name in registry.names("sampler"):
            foreign = registry.get("sampler", name).options()
            if foreign.family != subject.sampler.family:
                _assert_reason(subject.unsupported(sampler=foreign), f"sampler={name}")

    def test_it_refuses_conditions_it_does_not_understand(self) -> None:
        reason = self._subject(self.data[0]).unsupported(conditions=("a condition that nobody knows",))
        _assert_reason(reason, "a task with a condition that nobody knows")

    # ------------------------------------------------------------------------------------------------------ training

    def test_interrupted_training_ends_as_uninterrupted_training(self, device: str, tmp_path: Path) -> None:
        subject = self._supported(self.data[0], device)
        reports: list[str] = []
        whole = subject.trained(report=lambda progress: reports.append(progress.stage)).state()
        left = len(reports) * 3 // 4

        def interrupt(progress: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            subject.trained(tmp_path / "checkpoint.pt", interrupt)
        resumed = subject.trained(tmp_path / "checkpoint.pt").state()
        for name, value in whole.items():
            assert torch.allclose(value, resumed[name], rtol=1e-5, atol=1e-6), (
                f"'{name}' differs after training that was interrupted and went on: all that a stage changes must be in"
                " its modules() or optimizers(), and all its randomness from torch's global generator inside step()"
            )

    # ------------------------------------------------------------------------------------------------------- drawing

    def test_images_have_the_shape_and_range_of_the_data(self, spec: DataSpec, device: str, dtype: torch.dtype) -> None:
        subject, generator = self._trained(spec, device)
        keys = image_keys(0, 0, 5)
        with torch.inference_mode():
            images = subject.runner(generator, 5, dtype).run(subject.request(keys))
        assert images.shape == (5, *spec.shape), f"5 images have shape {tuple(images.shape)}, not {(5, *spec.shape)}"
        assert images.dtype == dtype, f"images are {images.dtype} where DrawSpec.dtype asked for {dtype}"
        assert images.device.type == device, f"images are on {images.device} where DrawSpec.device asked for {device}"
        assert images.isfinite().all(), "images hold NaN or infinity after a few steps of training"
        assert images.abs().max() <= 1 + 1e-6, f"values reach {images.abs().max():.3g}: images are in [-1, 1] (clamp)"

    def test_equal_keys_give_equal_images_and_other_keys_others(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        runner = subject.runner(generator, 4)
        one, two = (subject.request(image_keys(0, start, 4)) for start in (0, 4))
        with torch.inference_mode():
            torch.manual_seed(1)
            first = runner.run(one)
            kept = first.clone()
            torch.manual_seed(2)
            other = runner.run(two)
            assert torch.equal(first, kept), "run() returned memory that the next run() overwrites: return a new tensor"
            assert torch.equal(runner.run(one), kept), (
                "the same request gives other images: all randomness must come from request.keys (see"
                " genbench.drawing.noise), and run() must leave nothing behind that the next one starts from"
            )
        assert any(not torch.equal(kept[0], image) for image in torch.cat((kept[1:], other))), (
            "all keys give the same image: draw its noise from request.keys"
        )

    def test_an_image_is_independent_of_its_batch(self, spec: DataSpec, device: str, dtype: torch.dtype) -> None:
        subject, generator = self._trained(spec, device)
        keys = image_keys(0, 0, 8)
        together = subject.draw(generator, keys, dtype)
        alone = torch.cat([subject.draw(generator, keys[i : i + 1], dtype) for i in (2, 5)])
        moved = subject.draw(generator, torch.cat((keys[[5, 2]], image_keys(1, 0, 1))), dtype)
        for case, images in (("drawn alone", alone), ("drawn with other neighbours", moved[[1, 0]])):
            error = (images - together[[2, 5]]).abs().flatten(1).amax(1)
            wrong = int((error > TOLERANCES[dtype]).sum())
            allowed = 1 if self.discrete and dtype == torch.float32 else 0
            assert wrong <= allowed, (
                f"an image changes by {float(error.max()):.2g} when {case} ({dtype}): noise must be keyed per image,"
                " and nothing may look across the batch (batch norm in training mode, a shared random draw); set"
                " `discrete` if pixels are picked from levels, where near-ties may fall either way in float32"
            )

    def test_labels_matter(self, device: str) -> None:
        specs = [spec for spec in self.data if "label" in spec.conditions and spec.classes]
        if not specs:
            pytest.skip("no data with labels")
        subject, generator = self._trained(specs[0], device)
        runner, request = subject.runner(generator, 16), subject.request(image_keys(0, 0, 16))
        flipped = {"label": (torch.as_tensor(request.conditions["label"]) + 1) % len(specs[0].classes)}
        with torch.inference_mode():
            images, others = runner.run(request), runner.run(type(request)(request.keys, flipped))
        assert not torch.equal(images, others), (
            "other labels give the same images: follow request.conditions['label'], or let unsupported() refuse"
            " data.conditions that hold 'label'"
        )

    def test_networks_are_what_drawing_calls(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        runner = subject.runner(generator, 2)
        assert runner.networks, "Runner.networks is empty: name the modules that run() calls, so that they are counted"
        calls = dict.fromkeys(runner.networks, 0)

        def count(name: str) -> Any:
            def hook(*_: object) -> None:
                calls[name] += 1

            return hook

        hooks = []
        for name, network in runner.networks.items():
            assert isinstance(network, nn.Module), f"networks['{name}'] is no nn.Module, so its calls cannot be counted"
            layers = [part for part in network.modules() if not list(part.children())]
            training = {type(part).__name__ for part in layers if part.training and part is not network}
            assert not training, f"networks['{name}'] holds {training} in training mode: call .eval() in prepare()"
            hooks.append(network.register_forward_hook(count(name)))
        with torch.inference_mode():
            runner.run(subject.request(image_keys(0, 0, 2)))
        for hook in hooks:
            hook.remove()
        unused = [name for name, count in calls.items() if not count]
        assert not unused, (
            f"run() never calls networks['{unused[0]}'] as a module: name there what drawing uses and nothing else, and"
            " call the module itself, not its forward or a copy, or evaluations are not counted"
        )

    # --------------------------------------------------------------------------------------------------------- state

    def test_state_goes_to_disk_and_back(self, spec: DataSpec, device: str, tmp_path: Path) -> None:
        subject, generator = self._trained(spec, device)
        state, keys = generator.state(), image_keys(0, 0, 4)
        assert state, "state() is empty"
        assert all(isinstance(value, Tensor) for value in state.values()), "state() holds something that is no tensor"
        try:
            save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, tmp_path / "state")
        except RuntimeError as error:
            pytest.fail(f"state() holds tensors that share memory: clone all but one of them. safetensors: {error}")
        other = subject.fresh(seed=1)
        other.load_state(load_file(tmp_path / "state", device=device))
        assert torch.equal(subject.draw(generator, keys), subject.draw(other, keys)), (
            "a generator that was given the state of another draws other images: state() leaves out something that was"
            " learnt (buffers? statistics of the data?), or load_state() does not restore it"
        )

    def test_preparing_and_drawing_leave_the_generator_as_it_is(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        before = {name: value.clone() for name, value in generator.state().items()}
        keys = image_keys(0, 0, 4)
        first = subject.draw(generator, keys)
        subject.draw(generator, keys, torch.float64)
        after = generator.state()
        for name, value in before.items():
            assert after[name].dtype == value.dtype, (
                f"'{name}' became {after[name].dtype}: prepare() must convert a copy (copy.deepcopy(network).to(...))"
            )
            assert torch.equal(after[name], value), f"drawing changed '{name}': nothing is learnt after training"
        assert torch.equal(first, subject.draw(generator, keys)), (
            "drawing in float64 in between changed the float32 images: prepare() a copy"
        )

    # ---------------------------------------------------------------------------------------------------- likelihood

    def test_likelihoods_are_those_of_each_image_alone(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        if not isinstance(generator, HasLikelihood):
            pytest.skip("the model has no likelihood")
        images = subject.split.images[:5]
        found = generator.log_prob(images)
        assert found.nats.shape == (5,), f"log_prob of 5 images has shape {tuple(found.nats.shape)}, not (5,)"
        assert found.nats.dtype == torch.float64, f"log_prob is {found.nats.dtype}: sum many terms in float64"
        assert found.levels == spec.levels, f"log_prob is of {found.levels} levels, the data has {spec.levels}"
        assert bool((found.nats <= 0).all()), "a log-probability of an image of discrete levels is above 0"
        alone = torch.cat([generator.log_prob(images[i : i + 1]).nats for i in range(5)])
        assert torch.allclose(found.nats, alone, rtol=1e-8), "an image's likelihood depends on its neighbours"

    # ------------------------------------------------------------------------------------------------------- helpers

    @classmethod
    def _subject(cls, spec: DataSpec, device: str = "cpu") -> Subject:
        return Subject(cls.entry(), cls.options, cls.sampler_options, spec, device)

    @classmethod
    def _supported(cls, spec: DataSpec, device: str) -> Subject:
        subject = cls._subject(spec, device)
        if reason := subject.unsupported():
            pytest.skip(f"refused: {reason}")
        return subject

    @classmethod
    def _trained(cls, spec: DataSpec, device: str) -> tuple[Subject, Generator]:
        return _train_once(cls._supported, spec, device)


@cache
def _train_once(supported: Callable[..., Subject], spec: DataSpec, device: str) -> tuple[Subject, Generator]:
    subject = supported(spec, device)
    return subject, subject.trained()


def _describe(value: object) -> str:
    if isinstance(value, DataSpec):
        return "-".join(("x".join(map(str, value.shape)), *value.conditions))
    return str(value).removeprefix("torch.")


def _assert_reason(reason: str | None, what: str) -> None:
    assert reason is not None, f"unsupported() accepts {what}: return a sentence that says what would work"
    assert len(reason.split()) > 3, f"unsupported() refuses {what} with '{reason}': say why, and what would work"
