"""How every Generator must draw, as tests: half of its conformance suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from genbench.drawing.draw import main_images
from genbench.drawing.preparing import tolerance
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import DataSpec
from genbench.interfaces.drawing import IMAGES, Generator
from genbench.interfaces.sampling import Sampler
from genbench.testing.subjects import Subject, Trained
from genbench.testing.suite import Suite, assert_reason, changed


class DrawingSuite(Suite):
    """A trained model is drawn from: keys, batches, conditions, networks, the fast path, what is left alone."""

    kind = "model"
    sampler_options: ClassVar[Mapping[str, Any]] = {}
    discrete: ClassVar[bool] = False

    def test_images_have_the_shape_and_range_of_the_data(self, spec: DataSpec, device: str, dtype: torch.dtype) -> None:
        subject, generator = self._trained(spec, device)
        images = _run(subject, generator, image_keys(0, 0, 5), dtype=dtype)
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
            first = main_images(runner.run(one))
            kept = first.clone()
            torch.manual_seed(2)
            other = main_images(runner.run(two))
            assert torch.equal(first, kept), "run() returned memory that the next run() overwrites: return a new tensor"
            assert torch.equal(main_images(runner.run(one)), kept), (
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
            wrong = int((error > tolerance(dtype)).sum())
            allowed = 1 if self.discrete and dtype == torch.float32 else 0
            assert wrong <= allowed, (
                f"an image changes by {float(error.max()):.2g} when {case} ({dtype}): noise must be keyed per image,"
                " and nothing may look across the batch (batch norm in training mode, a shared random draw); set"
                " `discrete` if pixels are picked from levels, where near-ties may fall either way in float32"
            )

    def test_conditions_matter(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        if not spec.conditions:
            pytest.skip("no conditions")
        keys = image_keys(0, 0, 16)
        runner, asked, others = subject.runner(generator, 16), subject.request(keys), subject.request(keys, shift=1)
        with torch.inference_mode():
            images = main_images(runner.run(asked)).clone()
            for name in spec.condition_names:
                request = replace(asked, conditions={**asked.conditions, name: others.conditions[name]})
                assert not torch.equal(images, main_images(runner.run(request))), (
                    f"another '{name}' gives the same images: follow request.conditions['{name}'], or let unsupported()"
                    f" refuse data whose condition_names hold '{name}'"
                )

    def test_networks_are_what_drawing_calls(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        runner = subject.runner(generator, 2)
        if not runner.networks:
            assert not any(isinstance(part, nn.Module) for part in vars(generator).values()), (
                "Runner.networks is empty: name the modules that run() calls, so that they are counted"
            )
            pytest.skip("a model without networks")
        calls = dict.fromkeys(runner.networks, 0)
        hooks = []
        for name, network in runner.networks.items():
            assert isinstance(network, nn.Module), f"networks['{name}'] is no nn.Module, so its calls cannot be counted"
            layers = [part for part in network.modules() if not list(part.children())]
            training = {type(part).__name__ for part in layers if part.training and part is not network}
            assert not training, f"networks['{name}'] holds {training} in training mode: call .eval() in prepare()"
            hooks.append(network.register_forward_hook(_counter(calls, name)))
        with torch.inference_mode():
            runner.run(subject.request(image_keys(0, 0, 2)))
        for hook in hooks:
            hook.remove()
        unused = [name for name, count in calls.items() if not count]
        assert not unused, (
            f"run() never calls networks['{unused[0]}'] as a module: name there what drawing uses and nothing else, and"
            " call the module itself, not its forward or a copy, or evaluations are not counted"
        )

    def test_the_fast_path_draws_what_the_plain_one_draws(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        keys = image_keys(0, 0, 4)
        plain, fast = (_run(subject, generator, keys, fast=fast) for fast in (False, True))
        difference = float((plain - fast).abs().max())
        assert difference <= tolerance(torch.float32), (
            f"with DrawSpec.fast images differ by {difference:.2g} from the plain path's, and at most"
            f" {tolerance(torch.float32):g} is rounding: compile or capture the same computation, with the same noise"
        )

    def test_further_images_leave_the_main_ones_as_they_are(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        keys, draw = image_keys(0, 0, 4), subject.draw_spec(4, extras=True)
        with torch.inference_mode():
            drawn = generator.prepare(draw).run(subject.request(keys))
            if isinstance(drawn, Tensor):
                pytest.skip("no further images")
            assert IMAGES in drawn, f"run() returns {', '.join(drawn)} without '{IMAGES}', which is what is scored"
            for name, images in drawn.items():
                assert images.ndim == 4, (
                    f"'{name}' has shape {tuple(images.shape)}: further images are [B, C, H, W] too"
                )
                assert len(images) == 4, f"there are {len(images)} of '{name}' for 4 requests: one for each is needed"
            assert torch.equal(drawn[IMAGES], _run(subject, generator, keys)), (
                "with DrawSpec.extras the images are others than without: further ones may only be shown beside them"
            )

    def test_samplers_are_told_apart_by_family(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        keys, other = image_keys(0, 0, 2), _OfTheSameFamily(subject.sampler)
        advice = (
            "decide by `draw.sampler.family` and read what samplers of the family have"
            " (genbench/interfaces/sampling.py), never the class: plugins bring samplers of their own"
        )
        reason = subject.unsupported(sampler=other)
        assert reason is None, f"unsupported() refuses another sampler of its family ({reason}): {advice}"
        try:
            images = _run(subject, generator, keys, sampler=other)
        except (AttributeError, TypeError, ValueError) as error:
            pytest.fail(f"another sampler of its family cannot be drawn with ({error}): {advice}")
        assert torch.equal(images, _run(subject, generator, keys)), (
            f"another sampler of its family with the same values draws other images: {advice}"
        )

    def test_what_the_sampler_asks_for_is_done(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        keys = image_keys(0, 0, 4)
        for option, value in _another(subject.sampler).items():
            sampler = changed(subject.sampler, {option: value})
            if (reason := subject.unsupported(sampler=sampler)) is not None:
                assert_reason(reason, f"sampler.{option}={value}")
                continue
            assert not torch.equal(_run(subject, generator, keys), _run(subject, generator, keys, sampler=sampler)), (
                f"sampler.{option}={value} draws the same images: do what the sampler asks for, or refuse in"
                " unsupported() what it cannot have"
            )

    def test_preparing_and_drawing_leave_the_generator_as_it_is(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        before = {name: value.clone() for name, value in _tensors(generator).items()}
        keys = image_keys(0, 0, 4)
        first = subject.draw(generator, keys)
        subject.draw(generator, keys, torch.float64)
        after = _tensors(generator)
        for name, value in before.items():
            assert after[name].dtype == value.dtype, (
                f"'{name}' became {after[name].dtype}: prepare() must convert a copy (copy.deepcopy(network).to(...))"
            )
            assert torch.equal(after[name], value), f"drawing changed '{name}': nothing is learnt after training"
        assert torch.equal(first, subject.draw(generator, keys)), (
            "drawing in float64 in between changed the float32 images: prepare() a copy"
        )

    # ------------------------------------------------------------------------------------------------------- helpers

    @classmethod
    def _subject(cls, spec: DataSpec, device: str = "cpu") -> Subject:
        return Subject(cls.choice(), cls.sampler_options, spec, device)

    @classmethod
    def _supported(cls, spec: DataSpec, device: str = "cpu") -> Subject:
        subject = cls._subject(spec, device)
        if reason := subject.unsupported():
            pytest.skip(f"refused: {reason}")
        return subject

    @classmethod
    def _trained(cls, spec: DataSpec, device: str) -> tuple[Subject, Generator]:
        subject, trained = train_once(cls._supported, spec, device)
        return subject, subject.generator(trained.states)


@cache
def train_once(supported: Callable[[DataSpec, str], Subject], spec: DataSpec, device: str) -> tuple[Subject, Trained]:
    """A suite's subject for this data, trained: once for all tests."""
    subject = supported(spec, device)
    return subject, subject.trained()


class _OfTheSameFamily:
    """A sampler that has what another one has, and is of another class."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # while it is copied there is nothing to ask yet
            raise AttributeError(name)
        return getattr(self._sampler, name)

    @property
    def family(self) -> str:
        """That of the other one."""
        return self._sampler.family


def _another(sampler: Sampler) -> Mapping[str, Any]:
    """Options of a sampler of a known family that draw other images."""
    values: Any = sampler
    match sampler.family:
        case "one_shot":
            return {"truncation": 0.5}
        case "raster":
            return {"temperature": values.temperature / 2}
        case "diffusion":
            return {"steps": values.steps + 1}
    return {}


@torch.inference_mode()
def _run(subject: Subject, generator: Generator, keys: Tensor, **draw: Any) -> Tensor:
    """The images as they come from a runner for these fields of a DrawSpec."""
    return main_images(generator.prepare(subject.draw_spec(len(keys), **draw)).run(subject.request(keys)))


def _counter(calls: dict[str, int], name: str) -> Callable[..., None]:
    def hook(*_: object) -> None:
        calls[name] += 1

    return hook


def _tensors(generator: Generator) -> dict[str, Tensor]:
    """The tensors that a generator holds, in its modules or by themselves, by name."""
    tensors: dict[str, Tensor] = {}
    for name, part in vars(generator).items():
        if isinstance(part, Tensor):
            tensors[name] = part
        elif isinstance(part, nn.Module):
            tensors |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
    return tensors
