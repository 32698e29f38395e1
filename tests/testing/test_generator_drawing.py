"""The suite for generators tells the author of a model that draws wrongly what to change."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbench import DataSpec, DrawSpec, Runner, SampleRequest, Schedule
from genbench.drawing.noise import normal
from genbench.drawing.one_shot import OneShot
from genbench.testing import CAPTIONED, GREY, LABELLED

FLOAT32 = torch.float32
Run = Callable[[Any, SampleRequest], Any]


def good_run(runner: Any, request: SampleRequest) -> Tensor:
    """What the good runner of conftest.py does."""
    latents = 0.1 * normal(request.keys, 0, runner.data.shape, runner.draw.dtype)
    images: Tensor = runner.network(latents, request.conditions.get("label"))
    return images


BUFFER = torch.empty(0)


def into_a_buffer(runner: Any, request: SampleRequest) -> Tensor:
    images = good_run(runner, request)
    if BUFFER.shape != images.shape:
        BUFFER.resize_(images.shape)
    return BUFFER.copy_(images)


def halved_beside_others(runner: Any, request: SampleRequest) -> Any:
    images = good_run(runner, request)
    return {"images": images / 2, "before": images} if runner.draw.extras else images


def none_beside_others(runner: Any, request: SampleRequest) -> Any:
    images = good_run(runner, request)
    return {"before": images} if runner.draw.extras else images


@pytest.mark.parametrize(
    ("run", "test", "arguments", "advice"),
    [
        (lambda r, q: good_run(r, q)[:, :, 1:], "images_have_the_shape", (FLOAT32,), "shape"),
        (lambda r, q: good_run(r, q).double(), "images_have_the_shape", (FLOAT32,), "DrawSpec.dtype"),
        (lambda r, q: good_run(r, q) / 0, "images_have_the_shape", (FLOAT32,), "NaN"),
        (lambda r, q: good_run(r, q) * 255, "images_have_the_shape", (FLOAT32,), "clamp"),
        (lambda r, q: good_run(r, q) + 1e-3 * torch.rand(1), "equal_keys_give_equal", (), "from request.keys"),
        (into_a_buffer, "equal_keys_give_equal", (), "overwrites"),
        (lambda r, q: torch.zeros_like(good_run(r, q)), "equal_keys_give_equal", (), "all keys give the same image"),
        (lambda r, q: good_run(r, q) - good_run(r, q).mean(0), "an_image_is_independent", (FLOAT32,), "across the"),
        (lambda r, q: good_run(r, q).flip(0), "an_image_is_independent", (torch.float64,), "keyed per image"),
        (lambda r, q: r.network.forward(normal(q.keys, 0, (1, 8, 8)), None), "networks_are_what", (), "never calls"),
        (lambda r, q: good_run(r, q) * (0.9 if r.draw.fast else 1), "fast_path", (), "the same computation"),
        (halved_beside_others, "further_images", (), "only be shown beside"),
        (none_beside_others, "further_images", (), "without 'images'"),
    ],
)
def test_drawing_wrongly_is_found(
    run: Run, test: str, arguments: tuple[Any, ...], advice: str, good: SimpleNamespace, call: Callable[..., None]
) -> None:
    with pytest.raises(AssertionError, match=advice):
        call(good.with_run(run), test, GREY, "cpu", *arguments)


def test_conditions_that_are_not_followed_are_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    model = good.with_run(lambda runner, request: good_run(runner, SampleRequest(request.keys)))
    with pytest.raises(AssertionError, match="another 'label' gives the same images"):
        call(model, "conditions_matter", LABELLED, "cpu")

    class RefusesNothing(model):  # type: ignore[misc, valid-type]
        @classmethod
        def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
            return None

    with pytest.raises(AssertionError, match="another 'caption' gives the same images"):
        call(RefusesNothing, "conditions_matter", CAPTIONED, "cpu")


@pytest.mark.parametrize(
    ("networks", "advice"),
    [({}, "networks is empty"), ({"some": nn.Sequential(nn.Dropout(0.0))}, r"call \.eval\(\) in prepare")],
)
def test_networks_that_are_not_counted_are_found(
    networks: dict[str, nn.Module], advice: str, good: SimpleNamespace, call: Callable[..., None]
) -> None:
    class Bad(good.Model):  # type: ignore[misc]
        def prepare(self, draw: DrawSpec) -> Runner:
            runner: Runner = super().prepare(draw)
            runner.networks = networks
            return runner

    with pytest.raises(AssertionError, match=advice):
        call(Bad, "networks_are_what", GREY, "cpu")


def test_deciding_by_class_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class Refuses(good.Model):  # type: ignore[misc]
        @classmethod
        def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
            return None if isinstance(draw.sampler, OneShot) else "it draws in one pass: use sampler=one_shot"

    class Raises(good.Model):  # type: ignore[misc]
        def prepare(self, draw: DrawSpec) -> Runner:
            if not isinstance(draw.sampler, OneShot):
                raise TypeError(f"a {type(draw.sampler).__name__}")
            runner: Runner = super().prepare(draw)
            return runner

    for model in (Refuses, Raises):
        with pytest.raises((AssertionError, pytest.fail.Exception), match=r"decide by `draw\.sampler\.family`"):
            call(model, "told_apart_by_family", GREY, "cpu")


def test_ignoring_the_sampler_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class Ignores(good.Model):  # type: ignore[misc]
        @classmethod
        def unsupported(cls, config: Any, data: DataSpec, draw: DrawSpec, schedule: Schedule | None) -> str | None:
            return None

    with pytest.raises(AssertionError, match=r"sampler\.truncation=0\.5 draws the same images"):
        call(Ignores, "what_the_sampler_asks_for", GREY, "cpu")


def test_preparing_in_place_is_found(good: SimpleNamespace, call: Callable[..., None]) -> None:
    class ConvertsItself(good.Model):  # type: ignore[misc]
        def prepare(self, draw: DrawSpec) -> Runner:
            runner: Runner = good.Runner(self.network.to(draw.dtype), self.data, draw)
            return runner

    class LearnsWhileDrawing(good.Model):  # type: ignore[misc]
        def prepare(self, draw: DrawSpec) -> Runner:
            with torch.no_grad():
                self.network.mean.add_(0.1)
            runner: Runner = super().prepare(draw)
            return runner

    with pytest.raises(AssertionError, match="must convert a copy"):
        call(ConvertsItself, "preparing_and_drawing", GREY, "cpu")
    with pytest.raises(AssertionError, match=r"drawing changed 'network\.mean'"):
        call(LearnsWhileDrawing, "preparing_and_drawing", GREY, "cpu")
